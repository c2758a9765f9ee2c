"""The buffer pool against direct allocation, in the copy of many blobs: what is allocated does not grow with the blobs."""

import unittest

from validation import MIB, SCALE, ValidationCase

JOBS, CHUNKS = 4, 10  # chunks of a transfer's queue
CHUNK = 64 << 10
FEW, MANY = 40, 240 * SCALE
SIZE = 1 * MIB  # more than a whole queue
COPY = ("copy", "--progress", "none", "--jobs", JOBS)


class MemoryEfficiency(ValidationCase):
    def allocations_of(self, layers, *options, size=SIZE):
        """And the bytes that arrived."""
        with self.sparse(layers, size) as source, self.sink() as sink:
            counted = self.allocations(*COPY, *options, f"docker://{source.host}/image:1", f"docker://{sink.host}/copy:1",
                                       timeout=120)
            return counted, sink.stop()["received"]

    def with_and_without(self, few, many, *options):
        """Buffers allocated and their bytes, for the many blobs and for the difference to the few; with the pool and without."""
        figures = []
        for pool in ("on", "off"):
            of_few, of_many = (self.allocations_of(layers, "--buffer-pool", pool, *options)[0] for layers in (few, many))
            figures.append((of_many.buffers, of_many.buffer_bytes, of_many.buffers - of_few.buffers))
        return figures

    def test_copied_layers(self):
        (pooled, pooled_bytes, pooled_more), (direct, direct_bytes, direct_more) = self.with_and_without(FEW, MANY)
        self.assertLessEqual(pooled, JOBS * CHUNKS, "the queues of all jobs")
        self.assertLessEqual(pooled_more, JOBS * CHUNKS / 2, "whatever the number of blobs")
        self.assertGreaterEqual(direct_more, (MANY - FEW) * CHUNKS, "without a pool, a whole queue for each blob")
        self.assertLessEqual(pooled, 0.1 * direct)
        self.assertLessEqual(pooled_bytes, 0.1 * direct_bytes)

    def test_recompressed_layers(self):
        """Which have two queues each, one before the codec and one behind it."""
        (_, _, pooled_more), (_, _, direct_more) = self.with_and_without(4, 24, "--recompress", "zstd:1")
        self.assertGreaterEqual(direct_more, (24 - 4) * 2 * CHUNKS)
        self.assertLessEqual(pooled_more, JOBS * CHUNKS / 2, "whatever the number of blobs")

    def test_chunks_circulate(self):
        """Two layers that are 256 times as large need no buffer more. What else is allocated on the way (a node of a queue for some
        chunks, a look at the memory every 100 ms) is no more than one small allocation for two chunks."""
        small, _ = self.allocations_of(2)
        large, received = self.allocations_of(2, size=256 * SIZE)
        self.assertGreaterEqual(received, 2 * 256 * SIZE)
        self.assertLessEqual(large.buffers, 2 * CHUNKS)
        self.assertEqual(large.buffers, small.buffers)
        self.assertLess(large.all - small.all, received / CHUNK / 2)

    def test_keeping_buffers_costs_no_memory_at_the_peak(self):
        with self.sparse(FEW, SIZE) as source, self.sink() as sink:
            pooled, direct = (self.peak(*COPY, "--buffer-pool", pool, f"docker://{source.host}/image:1",
                                        f"docker://{sink.host}/copy:1") for pool in ("on", "off"))
        self.assertLessEqual(pooled, direct + 2)


if __name__ == "__main__":
    unittest.main()
