"""What the groups of the validation suite share: sizes, the made-up registries of bench/, and the count of a run's allocations."""

import json
import os
import pathlib
import struct
import sys
import tempfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from bench_support import Helper, write_image  # noqa: E402: found by the line above, as support is by that file
from sparse_registry import Image  # noqa: E402
from support.case import Case  # noqa: E402

# FREIGHTLINER_VALIDATION_SCALE=8 has layers of 8 GiB and eight times as many tags; the default suits every run of tools/test.
SCALE = int(os.environ.get("FREIGHTLINER_VALIDATION_SCALE", "1"))
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Allocations:
    all: int
    buffers: int  # of 64 KiB and more that the buffer pool made: it alone aligns to pages
    buffer_bytes: int


class ValidationCase(Case):
    def helper(self, script, *arguments):
        helper = Helper(script, *arguments)
        self.addCleanup(helper.stop)
        return helper

    def sparse(self, layers, size):
        """A source whose image has such layers; takes no disk and no memory."""
        return self.helper("sparse_registry.py", layers, size, self.scratch())

    def sink(self):
        """Takes what is pushed, counts it and keeps nothing."""
        return self.helper("sparse_registry.py", 0, 4096, self.scratch())

    def sparse_layout(self, size):
        """A layout with one layer of that size, tagged 1."""
        layout = self.scratch()
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        image = Image(1, size, blobs)
        for digest, path in image.files.items():
            path.rename(blobs / digest.partition(":")[2])
        write_image(layout, json.loads(image.manifest)["layers"])
        return layout

    def scratch(self):
        return pathlib.Path(tempfile.mkdtemp(dir=self.directory))

    def peak(self, *arguments, **options):
        """Peak resident MiB of a run that succeeds."""
        result = self.program.measure(*arguments, **options)
        self.assertEqual(result.exit_code, 0, result)
        self.check_run(result)
        return result.peak_rss_kib / 1024

    def allocations(self, *arguments, **options):
        """Of a run that succeeds: the program and its libraries, by the counter that is loaded before it."""
        counter = os.environ["FREIGHTLINER_ALLOCATION_COUNTER"]
        with tempfile.NamedTemporaryFile(dir=self.directory) as counts:
            result = self.program.run(
                *arguments, prefix=("env", f"LD_PRELOAD={counter}", f"FREIGHTLINER_ALLOCATIONS={counts.name}"), **options)
            self.assertEqual(result.exit_code, 0, result)
            self.check_run(result)
            numbers = Allocations(*struct.unpack("<3Q", counts.read()))
        self.assertGreater(numbers.all, 100, "the counter was not loaded")
        return numbers
