"""Against a baseline: what `bench/baseline compare` says of better, equal and worse figures, and the counts of some runs against those
that counts.json beside this file has. They are the same on every machine and compared exactly: a change that makes more requests
fails here, and one that makes fewer is to be written down.

    FREIGHTLINER_VALIDATION_COUNTS=FILE writes the counts that were measured, for counts.json."""

import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
from collections import Counter

from validation import MIB, ROOT, ValidationCase  # before support, which it finds

from support import images
from support.case import at
from support.tree import MEMORY, fill, small, tree

BASELINE = ROOT / "bench" / "baseline"
STORED = pathlib.Path(__file__).with_name("counts.json")
MACHINE = {"cpu": "one", "cpus": 2}


def figure(name, value, unit="s", better="lower"):
    return {"benchmark": "made-up", "name": name, "value": value, "unit": unit, "better": better, "bound": None}


def compare(*arguments):
    return subprocess.run([sys.executable, "-B", BASELINE, "compare", *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


class Compare(ValidationCase):
    def store(self, name, *figures, **more):
        path = self.directory / name
        path.write_text(json.dumps({"format": 1, "quick": False, "machine": MACHINE, "figures": list(figures), **more}))
        return path

    def assert_compares(self, code, old, new, *options, says="worse", new_machine=MACHINE):
        """`old` and `new` are lists of figures."""
        done = compare(self.store("old", *old), self.store("new", *new, machine=new_machine), *options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, says)

    def test_equal_and_better_pass(self):
        self.assert_compares(0, [figure("a", 1.0), figure("b", 5, "x", "higher")], [figure("a", 1.0), figure("b", 5, "x", "higher")],
                             says="0 worse, 0 gone, 0 better, 0 new, 2 about equal")
        self.assert_compares(0, [figure("a", 1.0)], [figure("a", 0.2), figure("c", 9)], says="0 worse, 0 gone, 1 better, 1 new")

    def test_a_regression_fails(self):
        for unit, better, old, inside, beyond in (
                ("s", "lower", 1.0, 1.38, 1.5), ("ns", "lower", 100, 138, 145), ("s", "higher", 1.0, 0.65, 0.5),
                ("x", "lower", 1.0, 1.15, 1.3), ("x", "higher", 20, 17, 15), ("MiB", "lower", 20, 24, 26),
                ("count", "lower", 100, 110, 111), ("count", "lower", 0, 0, 1)):
            with self.subTest(unit=unit, better=better):
                before = [figure("a", old, unit, better)]
                self.assert_compares(0, before, [figure("a", inside, unit, better)], says="1 about equal")
                self.assert_compares(1, before, [figure("a", beyond, unit, better)], says="made-up: a .*WORSE")

    def test_the_threshold(self):
        before, after = [figure("a", 1.0)], [figure("a", 1.2)]
        self.assert_compares(0, before, after)
        self.assert_compares(1, before, after, "--threshold", "10")
        self.assert_compares(0, before, [figure("a", 1.9)], "--threshold", "100")
        self.assert_compares(1, [figure("a", 3, "count")], [figure("a", 4, "count")], "--threshold", "0")

    def test_a_figure_that_is_gone_fails(self):
        self.assert_compares(1, [figure("a", 1.0), figure("b", 1.0)], [figure("a", 1.0)], says="made-up: b .*GONE")
        self.assert_compares(1, [figure("a", 1.0)], [figure("a", 1.0, "ns")], says="GONE")

    def test_times_of_another_machine_are_not_judged(self):
        other = {"cpu": "another", "cpus": 64}
        self.assert_compares(0, [figure("a", 1.0)], [figure("a", 9.0)], new_machine=other, says="times are not judged")
        self.assert_compares(1, [figure("a", 1.0, "x")], [figure("a", 9.0, "x")], new_machine=other, says="WORSE")

    def test_what_tells_of_the_machine_is_not_judged(self):
        self.assert_compares(0, [figure("skopeo", 1.0, better=None)], [figure("skopeo", 9.0, better=None)])

    def test_unusable_input(self):
        good = self.store("good", figure("a", 1.0))
        for number, text in enumerate(("", "[]", "{}", '{"format": 2, "figures": []}', '{"format": 1, "figures": []}',
                                       '{"format": 1, "figures": [{"name": "a"}]}', '{"format": 1, "figures": [1]}')):
            with self.subTest(text=text):
                bad = self.directory / f"bad{number}"
                bad.write_text(text)
                for order in ((good, bad), (bad, good)):
                    done = compare(*order)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertRegex(done.stderr, rf"\Abench/baseline: {bad}: .+\n\Z")
        for odd in (figure("a", float("nan")), figure("a", 1, "furlongs"), figure("a", "1"), figure("a", 1, better="more")):
            self.assert_compares(2, [odd], [figure("a", 1.0)], says="not a figure")
        self.assert_compares(2, [figure("a", 1), figure("a", 2)], [figure("a", 1)], says="twice")
        self.assertEqual(compare(good, self.directory / "absent").returncode, 2)
        self.assertEqual(compare(good).returncode, 2)
        self.assertEqual(compare(good, good, "--threshold", "-1").returncode, 2)
        quick = self.store("quick", figure("a", 1.0), quick=True)
        self.assertEqual(compare(good, quick).returncode, 2)

    def test_every_benchmark_is_in_the_plan(self):
        programs = re.findall(r"add_executable\((\w+_bench)\b", (ROOT / "bench" / "CMakeLists.txt").read_text())
        scripts = [path.name for path in (ROOT / "bench").iterdir()
                   if path.is_file() and not path.suffix and os.access(path, os.X_OK) and path != BASELINE]
        plan = re.findall(r'Benchmark\("(\w+)"', BASELINE.read_text())
        self.assertEqual(sorted(plan), sorted([*programs, *scripts]))


class Counts(ValidationCase):
    """Each case with one job, so that nothing depends on who comes first."""

    def setUp(self):
        super().setUp()
        self.counts = {}

    def registry(self, **options):
        return super().registry(base=MEMORY, **options)

    def run_counted(self, case, registries, *arguments):
        for registry in registries:
            registry.mark()
        self.succeed(*arguments)
        for side, registry in zip(("source", "destination"), registries):
            for method, count in Counter(request.method for request in registry.requests()).items():
                self.counts[f"{case}: {method} at the {side}"] = count

    def copies(self):
        for name, image in (("one image", images.single(1, layers=3)), ("two platforms", images.multi_arch(1))):
            registries = source, destination = self.registry(), self.registry()
            self.push(source, image, "a", "v1")
            arguments = "copy", "--progress", "none", "--jobs", "1", at(source, "a", "v1"), at(destination, "a", "v1")
            self.run_counted(f"copy of {name}", registries, *arguments)
            self.run_counted(f"copy of {name} again", registries, *arguments)

    def trees(self):
        registries = source, destination = self.registry(), self.registry()
        fill(source, {(f"r{number}", f"v{tag}"): small(f"{number}-{tag}") for number in range(4) for tag in range(5)})
        arguments = ("replicate-tree", "--progress", "none", "--lock", self.directory / "lock", "--jobs", "1", "--jobs-per-host", "1",
                     tree(source), tree(destination))
        self.run_counted("tree of 20 tags", registries, *arguments)
        self.run_counted("tree of 20 tags again", registries, *arguments)

    def buffers(self):
        for pool in ("on", "off"):
            for layers in (1, 21):
                with self.sparse(layers, MIB) as source, self.sink() as sink:
                    counted = self.allocations("copy", "--progress", "none", "--jobs", "1", "--buffer-pool", pool,
                                               f"docker://{source.host}/image:1", f"docker://{sink.host}/copy:1")
                self.counts[f"buffers allocated for {layers} layers, --buffer-pool {pool}"] = counted.buffers

    def test_counts_are_those_that_are_stored(self):
        self.copies()
        self.trees()
        self.buffers()
        measured = {"format": 1, "figures": [{**figure(name, count, "count"), "benchmark": "counts"}
                                             for name, count in sorted(self.counts.items())]}
        path = pathlib.Path(os.environ.get("FREIGHTLINER_VALIDATION_COUNTS", self.directory / "measured"))
        path.write_text(json.dumps(measured, indent=1) + "\n")
        done = compare(STORED, path, "--threshold", "0")
        self.assertEqual(done.returncode, 0, f"worse than {STORED.name}:\n{done.stdout}{done.stderr}")
        self.assertRegex(done.stdout, rf"0 worse, 0 gone, 0 better, 0 new, {len(self.counts)} about equal",
                         f"not as {STORED.name} says; write the better counts there")


if __name__ == "__main__":
    unittest.main()
