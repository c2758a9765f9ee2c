"""A fault at every request of a run, once and twice in a row: the destination has the old image or the new one, whole, the exit
code says which, no session is left, and the next run puts all right."""

import json
import unittest

from trials import WHOLE, Trial, discover, sweep  # first: it knows where the others are

import scenes
from disturbance import Disturbance, Hang, Truncate, garbage
from judge import Judge
from row import COPY, PARTIAL, TREE, Row
from stage import REPOSITORY, Stage
from support import faults

# Short, so that what hangs costs little; long enough for a machine that is busy.
OPTIONS = ("--jobs", "1", "--jobs-per-host", "1", "--retries", "2", "--stall-timeout", "2s")
ROW = Row(0, "a position of a sweep", "NEW", max_requests=150, host_wide=True)


# Name → (what makes the fault, the classes that may come of it). Two faults in a row are within the retries.
FAULTS = {
    "reset": (faults.ResetOnRequest, "NEW"),
    "500": (lambda: faults.status(500), "NEW"),
    "429": (faults.too_many, "NEW"),
    "truncation": (Truncate, "NEW"),
    "hang": (Hang, "NEW"),
    "garbage": (lambda: faults.Raw(garbage), "NEW|PROTO"),
}


class Window(Disturbance):
    """Acts on `length` requests from the `first` on, counted over both registries. Records what they were."""

    def __init__(self, stage, fault, first, length=1):
        self.fault, self.first, self.length = fault, first, length
        self.seen, self.met = 0, []
        super().__init__(stage.source, stage.destination)

    def choose(self, side, request):
        with self.lock:
            self.seen += 1
            if not self.first <= self.seen < self.first + self.length:
                return None
            self.met.append(f"{request.method} {request.path}")
            return self.fault


def stage_of(case, command, image):
    stage = Stage(case, command)
    stage.judge = Judge(case, stage, ROW)
    stage.give(image)
    return stage


class Disturbed(Trial):
    def __init__(self, command, image, number, request, name, times):
        super().__init__(f"request {number} ({request}): {name}, {times} times")
        self.command, self.image, self.number, self.fault, self.times = command, image, number, name, times

    def perform(self):
        stage = stage_of(self, self.command, self.image)
        make, expected = FAULTS[self.fault]
        window = Window(stage, make(), self.number, self.times)
        result = stage.run(OPTIONS)
        met, window.length = len(window.met), 0
        window.forget_unheard(stage.destination)
        stage.judge.after(result, self.outcome(stage, result, expected))
        stage.heal()
        stage.judge.converges("NEW" if result.exit_code == 0 else "")
        return met == self.times or met > 0 and result.exit_code != 0

    def outcome(self, stage, result, expected):
        """Of the tag that the stage is about: the fault may have met another one of the tree."""
        if result.exit_code != PARTIAL:
            return stage.judge.outcome(result, expected)
        failed = [entry for entry in json.loads(result.stdout)["references"] if entry["error_class"]]
        self.assertEqual({entry["error_class"] for entry in failed}, {"protocol"} if "PROTO" in expected else set(), result)
        return "PROTO" if REPOSITORY in [entry["source_repository"] for entry in failed] else "NEW"


def requests_of(command, image):
    def find(case):
        stage = stage_of(case, command, image)
        everything = Window(stage, faults.Fault(), 1, 10_000)
        result = stage.run(OPTIONS)
        case.assertEqual(result.exit_code, 0, result)
        case.assertEqual(len(everything.met), result.requests, "every request")
        return everything.met

    return find


class Requests(unittest.TestCase):
    """The quick set: one of the faults at each request, in turn. The whole set: each of them, once and twice."""

    def sweep(self, command, whole=False):
        image = scenes.multi_arch_image() if WHOLE else scenes.small_image()
        requests = list(enumerate(discover(self, requests_of(command, image)), 1))
        if whole:
            chosen = [(number, request, name, times) for number, request in requests for name in FAULTS for times in (1, 2)]
        else:
            chosen = [(number, request, list(FAULTS)[number % len(FAULTS)], 1 + number // len(FAULTS) % 2)
                      for number, request in requests]
        sweep(self, f"{command}, faults at {len(requests)} requests", [Disturbed(command, image, *choice) for choice in chosen])

    def test_copy(self):
        self.sweep(COPY, WHOLE)

    def test_replicate_tree(self):
        self.sweep(TREE, WHOLE)


if __name__ == "__main__":
    unittest.main()
