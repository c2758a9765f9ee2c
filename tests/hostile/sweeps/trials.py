"""How a sweep runs: one trial for each position, each a test case of its own with fresh servers and directories, a few side by
side."""

import concurrent.futures
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration")]

from support.case import Case  # noqa: E402  (its place is known only now)

# Of the whole set: all faults at each position, and the larger images.
WHOLE = os.environ.get("FREIGHTLINER_HOSTILE") == "whole"
SIDE_BY_SIDE = 4
ATTEMPTS = 3


class Trial(Case):
    """perform() judges one run and the runs that put all right again; it returns whether the run came to the position."""

    def __init__(self, name):
        super().__init__("attempt")
        self.name, self.hit = name, False

    def __str__(self):
        return self.name

    def attempt(self):
        self.hit = self.perform()

    def perform(self):
        raise NotImplementedError


def failures_of(trial):
    """What went wrong. A run that did not come to the position, because a timer fell otherwise, is made again."""
    for _ in range(ATTEMPTS):
        result = unittest.TestResult()
        trial.run(result)
        texts = [text for _, text in (*result.errors, *result.failures)]
        if texts or trial.hit:
            break
    return [f"at {trial}\n{text}" for text in texts]


def sweep(test, title, trials):
    """Runs all trials, a few at a time: they mostly wait, for a disk or before a retry. `test` fails with what failed in any, and
    where a position was not hit."""
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        failures = [text for texts in pool.map(failures_of, trials) for text in texts]
    missed = [str(trial) for trial in trials if not trial.hit]
    hit = len(trials) - len(missed)
    print(f"{title}: positions found {len(trials)}, positions hit {hit}, failures {len(failures)}", flush=True)
    if failures:
        test.fail(f"{title}: {len(failures)} failures\n" + "\n".join(failures[:20]))
    test.assertTrue(trials, f"{title}: nothing to sweep")
    test.assertEqual(missed, [], f"{title}: positions that no run came to")


class Discovery(Trial):
    """A run without a fault; `find(case)` returns the positions that it has."""

    def __init__(self, find):
        super().__init__("a run without a fault")
        self.find, self.positions = find, []

    def perform(self):
        self.positions = self.find(self)
        return True


def discover(test, find):
    discovery = Discovery(find)
    failures = failures_of(discovery)
    if failures:
        test.fail("\n".join(failures))
    return discovery.positions
