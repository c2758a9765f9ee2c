"""Many tags at two registries that deal faults: one run brings all, within its retries, and a second one writes nothing."""

import json
import time
import unittest

from judge import Judge
from mix import HANG, TRANSIENT, Mix
from row import TREE, Row
from stage import Stage
from support import images
from support.tree import TreeCase, fill, fleet

RATE = 0.05
# Faults that a run must get over. Half as many requests hang as are reset, say: each of those costs a stall's time.
KINDS = (*list(TRANSIENT) * 2, *HANG)
# The number of retries is what a run has by itself.
OPTIONS = ("--retries", "4", "--stall-timeout", "2s")
ROW = Row(0, "a load", "NEW")
TIME = 1800  # seconds


def layered(seed):
    """One of ten is an index; in all of them the lower layer is that of the repository."""
    repository, tag = seed.rsplit("-", 1)
    base = images.single(repository, layers=1, layer_size=4096)
    if int(tag) % 10 == 9:
        platforms = images.PLATFORMS[:2]
        return images.index_of([images.single(f"{seed}-{platform}", layers=1, layer_size=1024, platform=platform, base=base)
                                for platform in platforms], platforms=platforms)
    return images.single(seed, layers=1, layer_size=1024, base=base)


class Load(TreeCase):
    def __init__(self, seed, repositories, tags, evidence):
        super().__init__("attempt")
        self.seed, self.repositories, self.tags, self.evidence = seed, repositories, tags, evidence
        self.results, self.figures = [], []

    def attempt(self):
        try:
            self.perform()
        except BaseException:
            self.kept = self.evidence.keep_failure(f"load-{self.seed}", self)
            raise

    def perform(self):
        self.stage = Stage(self, TREE)
        self.judge = Judge(self, self.stage, ROW)
        self.stage.serve("source", login="bearer", page_size=100, catalog_page=50)
        self.stage.serve("destination", login="basic", mount="real")
        self.contents = fleet(self.repositories, self.tags, make=layered)
        for registry in (self.stage.source, self.stage.destination):
            registry.repositories.clear()
        fill(self.stage.source, self.contents)
        self.say(f"{len(self.contents)} tags in {self.repositories} repositories, "
                 f"{len({digest for image in self.contents.values() for digest in image.blobs})} blobs")
        self.mix = Mix((self.stage.source, self.stage.destination), self.seed, RATE, KINDS)
        self.loaded()
        self.mix.stop()
        self.again()

    def loaded(self):
        report = self.run_command("with faults")
        performance = report["performance"]
        dealt = ", ".join(f"{kind} {count}" for kind, count in sorted(self.mix.dealt.items()))
        self.say(f"  {sum(self.mix.dealt.values())} faults ({dealt}), {performance['retries']} requests sent again")
        self.mix.forget_unheard(self.stage.destination)
        self.assertEqual((report["exit_code"], report["totals"]["copied"]), (0, len(self.contents)))
        self.judge_all()

    def again(self):
        mark = len(self.stage.destination.journal)
        report = self.run_command("without faults")
        self.assertEqual((report["exit_code"], report["totals"]["equal"]), (0, len(self.contents)))
        later = self.stage.destination.requests(since=mark)
        wrote = [f"{request.method} {request.target}" for request in later if request.writes]
        self.say(f"  {len(wrote)} of its requests to the destination wrote")
        self.assertEqual(wrote, [])
        self.judge_all()

    def judge_all(self):
        result = self.results[-1]
        self.assert_tree(self.stage.destination, self.contents)
        self.judge.secrets(result)
        self.judge.sessions()
        self.check_run(result)

    def run_command(self, words):
        result = self.stage.run(OPTIONS, timeout=TIME)
        self.results.append(result)
        self.say(f"run {words}: exit code {result.exit_code}, {result.requests} requests, {result.seconds:.1f} s, "
                 f"peak {result.peak_rss_kib / 1024:.1f} MiB")
        return json.loads(result.stdout)

    def say(self, line):
        print(line, flush=True)


def run(seed, repositories, tags, evidence):
    begun = time.monotonic()
    load = Load(seed, repositories, tags, evidence)
    result = unittest.TestResult()
    load.run(result)
    for _, text in (*result.errors, *result.failures):
        print(f"VIOLATION in the load of seed {seed}\n{text}kept in {load.kept}", flush=True)
    print(f"{'no violation' if result.wasSuccessful() else 'VIOLATIONS: see above'}, {time.monotonic() - begun:.0f} s in all", flush=True)
    return result.wasSuccessful()
