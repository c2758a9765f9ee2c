"""Many tags between registries that deal faults, or over lines that break: one run brings all, within its retries, and a second one
writes nothing."""

import collections
import json
import random
import unittest

from judge import Judge
from mix import HANG, TRANSIENT, Mix
from proxy import BadLine
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
# Bytes towards the client after which a connection breaks; an answer has some hundred.
BREAKS = (200, 40_000)


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
    """`scene` says what there is; a subclass has prepare(), heal(), dealt(), writes() and judge_more()."""

    def __init__(self, seed, repositories, tags, evidence):
        super().__init__("attempt")
        self.seed, self.evidence = seed, evidence
        self.contents = fleet(repositories, tags, make=layered)
        self.results = []
        self.kept = "nothing"

    def attempt(self):
        try:
            self.perform()
        except BaseException:
            self.kept = self.evidence.keep_failure(f"load-{self.seed}", self)
            raise

    def perform(self):
        self.prepare()
        blobs = {digest for image in self.contents.values() for digest in image.blobs}
        repositories = {repository for repository, _ in self.contents}
        self.say(f"{self.scene}: {len(self.contents)} tags in {len(repositories)} repositories, {len(blobs)} blobs")
        report = self.replicate_all("with faults")
        self.say(f"  {self.dealt()}, {report['performance']['retries']} requests sent again")
        self.judge_all(report, "copied")
        self.heal()
        report = self.replicate_all("without faults")
        self.say(f"  {len(self.writes())} of its requests wrote")
        self.assertEqual(self.writes(), [])
        self.judge_all(report, "equal")

    def replicate_all(self, words):
        result = self.run_command()
        self.results.append(result)
        self.say(f"run {words}: exit code {result.exit_code}, {result.seconds:.1f} s, peak {result.peak_rss_kib / 1024:.1f} MiB")
        return json.loads(result.stdout)

    def judge_all(self, report, outcome):
        self.assertEqual((report["exit_code"], report["totals"][outcome]), (0, len(self.contents)))
        self.assert_tree(self.destination, self.contents)
        self.check_run(self.results[-1])
        self.judge_more()

    def say(self, line):
        print(line, flush=True)


class DealtFaults(Load):
    scene = "hostile registries"

    def prepare(self):
        self.stage = Stage(self, TREE)
        self.judge = Judge(self, self.stage, ROW)
        self.source = self.stage.serve("source", login="bearer", page_size=100, catalog_page=50)
        self.destination = self.stage.serve("destination", login="basic", mount="real")
        for registry in (self.source, self.destination):
            registry.repositories.clear()
        fill(self.source, self.contents)
        self.mix = Mix((self.source, self.destination), self.seed, RATE, KINDS)

    def run_command(self):
        self.mark = len(self.destination.journal)
        return self.stage.run(OPTIONS, timeout=TIME)

    def dealt(self):
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.mix.dealt.items()))
        # Uploads begin at one and the same place.
        same = collections.Counter(request for request, _ in self.mix.log if " POST " not in request)
        return (f"{self.results[-1].requests} requests, {sum(self.mix.dealt.values())} faults ({kinds}), at most "
                f"{max(same.values(), default=0)} for the same request")

    def heal(self):
        self.mix.stop()

    def writes(self):
        return [f"{request.method} {request.target}" for request in self.destination.requests(since=self.mark) if request.writes]

    def judge_more(self):
        self.mix.forget_unheard(self.destination)
        self.judge.secrets(self.results[-1])
        self.judge.sessions()


class BrokenLines(Load):
    """Every connection breaks, sooner or later."""

    scene = "docker-registry 2.8.2 behind lines that break"

    def prepare(self):
        self.source, self.destination = self.registry(), self.registry()
        fill(self.source, self.contents)
        generator = random.Random(f"lines {self.seed}")
        self.lines = [BadLine(registry.port, cuts=[generator.randint(*BREAKS) for _ in range(10 * len(self.contents))])
                      for registry in (self.source, self.destination)]
        for line in self.lines:
            self.addCleanup(line.stop)

    def run_command(self):
        self.destination.mark()
        return self.program.measure(*self.arguments(*self.lines, "--output", "json", *OPTIONS), timeout=TIME)

    def dealt(self):
        broke = sum(line.was_cut for line in self.lines)
        return f"{len(self.destination.requests())} requests to the destination, {broke} connections broke"

    def heal(self):
        for line in self.lines:
            line.cuts.clear()

    def writes(self):
        return self.destination.requests(writes=True)

    def judge_more(self):
        pass


def run(seed, repositories, tags, evidence):
    good = True
    for kind in (DealtFaults, BrokenLines):
        load = kind(seed, repositories, tags, evidence)
        result = unittest.TestResult()
        load.run(result)
        for _, text in (*result.errors, *result.failures):
            print(f"VIOLATION in the load of seed {seed}, {load.scene}\n{text}kept in {load.kept}", flush=True)
        good = good and result.wasSuccessful()
    print("no violation" if good else "VIOLATIONS: see above", flush=True)
    return good
