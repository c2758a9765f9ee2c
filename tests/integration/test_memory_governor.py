"""The memory budget: peak sizes under --max-memory and under a real limit of the kernel's. Not run under sanitizers.

Which limits are found in which hierarchy of control groups is proven with made-up ones in the unit tests
(runtime/memory_budget_test.cc); here the kernel's own are used where this machine lets a test make them."""

import sys
import unittest

from support import cgroup, images
from support.case import Case, at

MIB = 1024  # in KiB
LAYER = "application/vnd.oci.image.layer.v1.tar"
# 32 jobs with ten buffers of 4 MiB each: 1.25 GiB, if all moved at the same time.
GREEDY = ("--jobs", "32", "--buffer-size", "4MiB")


def large(layers, size):
    image = images.Image({})
    described = [image.add_blob(LAYER, images.random_bytes(f"large/{number}", size)) for number in range(layers)]
    config = image.add_blob(images.OCI_CONFIG, images.to_json({
        **images.platform_of("linux/amd64"),
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in described]}}))
    image.add_manifest(images.OCI_MANIFEST, {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": config,
                                             "layers": described})
    return image


class Budget(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.image = large(24, 24 << 20)

    @classmethod
    def tearDownClass(cls):
        del cls.image
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.source = self.registry()
        self.push(self.source, self.image, "a", "v1")

    def measure(self, *options, **more):
        destination = self.registry()
        result = self.program.measure("copy", "--progress", "none", *options, at(self.source, "a", "v1"),
                                      at(destination, "a", "v1"), **more)
        if result.exit_code == 0:
            self.assert_whole(destination, "a", "v1", self.image)
        destination.stop()
        return result

    def test_many_jobs_and_large_buffers_stay_below_max_memory(self):
        without = self.measure(*GREEDY)
        self.assertEqual(without.exit_code, 0, without)
        self.assertGreater(without.peak_rss_kib, 64 * MIB, "without a budget the same run needs more")
        for budget in (64, 40, 25):
            with self.subTest(budget=budget):
                result = self.measure(*GREEDY, "--max-memory", f"{budget}MiB")
                self.assertEqual(result.exit_code, 0, result)
                self.assertLessEqual(result.peak_rss_kib, budget * MIB)

    def test_many_jobs_with_the_default_buffers(self):
        result = self.measure("--jobs", "32", "--max-memory", "64MiB")
        self.assertEqual(result.exit_code, 0, result)
        self.assertLessEqual(result.peak_rss_kib, 64 * MIB)

    def test_under_a_limit_of_the_kernels(self):
        """The limit is found and kept: the run completes. The same run that believes in more memory is killed, so the limit is
        real. Where no limit can be set, the budget that this machine gives is looked at."""
        try:
            group = cgroup.MemoryCgroup(48 << 20)
        except cgroup.Unavailable as reason:
            print(f"{reason}: that a limit is found is proven by unit.runtime (MemoryBudget) alone", file=sys.stderr)
            result = self.run_in((), "--log-level", "debug")
            self.assertEqual(result.exit_code, 0, result)
            self.assertRegex(result.stderr, r"a budget of [0-9.]+ [KMGT]iB \((physical memory|cgroup v[12] limit)\)")
            return
        self.addCleanup(group.remove)
        prefix = tuple(map(str, group.prefix))
        result = self.run_in(prefix, "--log-level", "debug")
        self.assertEqual(result.exit_code, 0, result)
        self.assertIn(f"a budget of 36.0 MiB (cgroup v{group.version} limit)", result.stderr)
        killed = self.run_in(prefix, "--max-memory", "4GiB")
        self.assertEqual(killed.exit_code, 137, killed)

    def run_in(self, prefix, *options):
        destination = self.registry()
        try:
            result = self.program.run("copy", "--progress", "none", *GREEDY, *options, at(self.source, "a", "v1"),
                                      at(destination, "a", "v1"), prefix=prefix, timeout=120)
            if result.exit_code == 0:
                self.assert_whole(destination, "a", "v1", self.image)
            return result
        finally:
            destination.stop()


if __name__ == "__main__":
    unittest.main()
