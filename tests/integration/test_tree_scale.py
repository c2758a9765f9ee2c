"""Very many tags: neither memory nor threads grow with them. And what a run that takes its time says."""

import os
import re
import time
import unittest

from support import faults
from support.tree import TreeCase, fill, fleet, read_report, small

MIB = 1024  # in KiB


class Tags(TreeCase):
    def is_sanitized(self):
        """A sanitizer's memory and time are another matter."""
        return self.has_sanitizer("asan") or self.has_sanitizer("tsan")

    def assert_peak(self, result, mebibytes):
        if not self.is_sanitized():
            self.assertLess(result.peak_rss_kib, mebibytes * MIB)

    def both(self, **options):
        source, destination = self.scripted(**options), self.scripted(**options)
        for registry in (source, destination):
            registry.load(small(1), "app", "v1")
        return source, destination

    def test_100_000_tags_in_pages_fit_into_150_mib(self):
        """In pages of a thousand, the last one with the tag that is no build."""
        source, destination = self.both(page_size=1000)
        digest = small(1).digest
        for registry in (source, destination):
            registry.repository("app").tags.update({f"build-{number:06}": digest for number in range(100_000)})
        report = self.directory / "report.json"
        result = self.program.measure(*self.arguments(source, destination, "--immutable-tag", "build-*", "--report", report))
        self.assertEqual(result.exit_code, 0, result)
        self.assert_peak(result, 150)
        self.assertEqual(read_report(report)["totals"]["equal"], 100_001)
        for registry in (source, destination):
            lasts = [request.argument("last") for request in registry.requests("GET", "/app/tags/list")]
            self.assertEqual(lasts, [None, *(f"build-{number:06}" for number in range(999, 100_000, 1000))])
            self.assertLess(len(registry.journal), 101 + 10, "immutable tags are not asked for one by one")
        if not self.is_sanitized():
            self.assertLess(result.seconds, 30)

    def test_heads_of_many_tags(self):
        """The same digest under thousands of tags, each asked for on both sides."""
        count = 6_000
        source, destination = self.both()
        image = small(1)
        for registry in (source, destination):
            registry.repository("app").tags.update({f"t{number}": image.digest for number in range(count)})
        result = self.program.measure(*self.arguments(source, destination))
        self.assertEqual(result.exit_code, 0, result)
        self.assertIn(f"{count + 1} already equal", result.stdout)
        self.assert_peak(result, 100)
        for registry in (source, destination):
            self.assertEqual(len(registry.requests("HEAD", "/manifests/")), count + 1)
            self.assertLessEqual(registry.server.connections, 66, "at most 64 kept-alive connections")

    def test_threads_do_not_grow_with_tags(self):
        source, destination = self.scripted(), self.scripted()
        fill(source, fleet(20, 20))
        source.rule("GET", "/blobs/", faults.Delay(0.05))
        run = self.start_tree(source, destination, "--jobs-per-host", "16")
        most = 0
        while run.alive():
            try:
                most = max(most, len(os.listdir(f"/proc/{run.pid}/task")))
            except FileNotFoundError:
                break
            time.sleep(0.02)
        self.assertEqual(run.wait(60).exit_code, 0)
        self.assertLessEqual(most, 40)
        self.assertLessEqual(max(source.server.connections, destination.server.connections), 18)


class Progress(TreeCase):
    def test_plain_lines(self):
        """Repositories, tags, bytes, rate and the time that is left."""
        source, destination = self.scripted(), self.scripted()
        fill(source, fleet(6, 6))
        source.rule("GET", "/blobs/", faults.Throttle(2_000))
        result = self.program.run("replicate-tree", "--progress", "plain", "--lock", self.lock, "--jobs-per-host", "8",
                                  source.host, destination.host, timeout=120)
        self.assertEqual(result.exit_code, 0, result)
        self.check_run(result)
        lines = result.stderr.splitlines()
        self.assertTrue(lines, "a run of more than five seconds says something")
        for line in lines:
            self.assertRegex(line, r"\d+ of \d+ tags")
            self.assertRegex(line, r"\d+ of \d+ repositories")
            self.assertRegex(line, r"[KMG]iB")
            self.assertRegex(line, r"iB/s")
        self.assertTrue(any(re.search(r"left|ETA", line) for line in lines), lines)
        done = [int(re.search(r"(\d+) of \d+ tags", line)[1]) for line in lines]
        self.assertEqual(done, sorted(done))

    def test_none(self):
        source, destination = self.scripted(), self.scripted()
        fill(source, fleet(1, 3))
        self.assertEqual(self.replicate_text(source, destination).stderr, "")


if __name__ == "__main__":
    unittest.main()
