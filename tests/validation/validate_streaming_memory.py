"""No blob is ever whole in memory: the peak resident size is the same for a small layer and for one that is many times as large."""

import unittest

from validation import GIB, MIB, SCALE, ValidationCase

SMALL, LARGE = 64 * MIB, SCALE * GIB
MOST = 2  # MiB between the two


class StreamingMemory(ValidationCase):
    def assert_same_peak(self, peaks):
        self.assertLessEqual(abs(peaks[1] - peaks[0]), MOST, peaks)

    def to_sink(self, source, size, *options):
        with self.sink() as sink:
            peak = self.peak("copy", "--progress", "none", *options, source, f"docker://{sink.host}/copy:1")
            self.assertGreaterEqual(sink.stop()["received"], size)
        return peak

    def between_registries(self, size, *options):
        with self.sparse(1, size) as source:
            return self.to_sink(f"docker://{source.host}/image:1", size, *options)

    def test_from_registry_to_registry(self):
        self.assert_same_peak([self.between_registries(size) for size in (SMALL, LARGE)])

    def test_in_chunks(self):
        options = ("--chunk-size", "16MiB", "--buffer-size", "1MiB")
        self.assert_same_peak([self.between_registries(size, *options) for size in (SMALL, LARGE // 4)])

    def test_from_a_layout_to_a_registry(self):
        peaks = []
        for size in (SMALL, LARGE // 2):
            peaks.append(self.to_sink(f"oci:{self.sparse_layout(size)}:1", size))
        self.assert_same_peak(peaks)

    def test_from_a_registry_to_a_layout(self):
        peaks = []
        for size in (SMALL // 4, SMALL * 4):
            layout = self.scratch() / "copy"
            with self.sparse(1, size) as source:
                peaks.append(self.peak("copy", "--progress", "none", f"docker://{source.host}/image:1", f"oci:{layout}:1"))
            self.assertGreaterEqual(sum(path.stat().st_size for path in (layout / "blobs/sha256").iterdir()), size)
        self.assert_same_peak(peaks)


if __name__ == "__main__":
    unittest.main()
