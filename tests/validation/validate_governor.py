"""What the memory governor brings about: many jobs, large buffers and large layers under a small budget. The run completes, stays
below the budget, and moves every byte."""

import sys
import unittest

from validation import MIB, SCALE, ValidationCase  # before support, which it finds

from support import cgroup

LAYERS, SIZE = 8, 128 * MIB * SCALE
BUDGET, BASE = 64, 24  # MiB; docs/MEMORY.md: the base is what the budget has for all that is no transfer
GREEDY = ("copy", "--progress", "none", "--jobs", "32", "--buffer-size", "4MiB")  # 8 layers × 10 buffers: 320 MiB


class Governor(ValidationCase):
    def setUp(self):
        super().setUp()
        self.source = self.sparse(LAYERS, SIZE)

    def greedy(self, sink, *options):
        return (*GREEDY, *options, f"docker://{self.source.host}/image:1", f"docker://{sink.host}/copy:1")

    def measured(self, *options):
        """Peak MiB and the log of a run that moves everything."""
        with self.sink() as sink:
            result = self.program.measure(*self.greedy(sink, "--log-level", "debug", *options))
            self.assertEqual(result.exit_code, 0, result)
            self.check_run(result)
            self.assertGreaterEqual(sink.stop()["received"], LAYERS * SIZE)
        return result.peak_rss_kib / 1024, result.stderr

    def test_below_the_budget(self):
        unbounded, _ = self.measured("--max-memory", "4GiB")
        bounded, log = self.measured("--max-memory", f"{BUDGET}MiB")
        self.assertGreater(unbounded, 2 * BUDGET, "the same run takes what it is given")
        self.assertLessEqual(bounded, BUDGET)
        self.assertIn(f"a budget of {BUDGET}.0 MiB (--max-memory)", log)
        with self.subTest("the transfers have the rest above the base, and use it"):
            self.assertGreater(bounded, BASE)

    def test_the_least_budget(self):
        """One transfer at a time with the smallest queue; nothing waits for ever."""
        peak, _ = self.measured("--max-memory", "25MiB")
        self.assertLessEqual(peak, 25)

    def test_under_a_limit_of_the_kernels(self):
        """Nobody says --max-memory: the limit of the control group is found, and the run is not killed. Where this machine lets no
        test set a limit, what the governor believes is looked at."""
        try:
            group = cgroup.MemoryCgroup(BUDGET << 20)
        except cgroup.Unavailable as reason:
            print(f"{reason}: the budget that this machine gives is looked at", file=sys.stderr)
            _, log = self.measured()
            self.assertRegex(log, r"a budget of [0-9.]+ [KMGT]iB \((physical memory|cgroup v[12] limit)\)")
            return
        self.addCleanup(group.remove)
        with self.sink() as sink:
            result = self.program.run(*self.greedy(sink, "--log-level", "debug"), prefix=tuple(map(str, group.prefix)), timeout=200)
            self.assertEqual(result.exit_code, 0, result)
            self.assertGreaterEqual(sink.stop()["received"], LAYERS * SIZE)
        self.assertIn(f"a budget of {BUDGET * 3 / 4:.1f} MiB (cgroup v{group.version} limit)", result.stderr)


if __name__ == "__main__":
    unittest.main()
