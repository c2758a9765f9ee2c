"""Signals, a killed run, a closed standard output."""

import os
import signal
import subprocess
import time
import unittest

from support import faults, images, oracle, process
from support.case import LOCAL, Case, at
from support.runner import strange_files_in_layout

GAVE_UP = "left behind|clean-up took longer than 5.0 s"  # each of its requests has its time, and so has the whole


class Signals(Case):
    def setUp(self):
        super().setUp()
        self.image = images.single(layers=3, layer_size=800_000)
        self.old = images.single("old")
        self.source, self.destination = self.scripted(), self.scripted()
        self.source.load(self.image, "a", "v1")
        self.destination.load(self.old, "b", "v1")
        self.source.rule("GET", "/blobs/", faults.Throttle(50_000))

    def started(self, destination=None, *options, **more):
        run = self.program.start("copy", "--progress", "none", *options, at(self.source, "a", "v1"),
                                 destination or at(self.destination, "b", "v1"), **more)
        self.addCleanup(lambda: run.alive() and run.send_signal(signal.SIGKILL))
        process.wait_until(lambda: any(r.body_sent > 10_000 for r in self.source.requests("GET", "/blobs/")), what="a transfer")
        return run

    def test_the_first_signal_cleans_up(self):
        for number, code in ((signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number.name):
                run = self.started()
                began = time.monotonic()
                run.send_signal(number)
                result = run.wait(20)
                self.assertEqual(result.exit_code, code, result)
                self.assertLess(time.monotonic() - began, 5.5)
                self.assertNotRegex(result.stderr, GAVE_UP)
                self.check_run(result)
                for request in self.source.requests("GET", "/blobs/sha256"):
                    self.assertLess(request.body_sent, 800_000, "what is on the way is not waited for")
                process.wait_until(lambda: not self.destination.open_uploads(), 3, what="cancelled sessions")
                self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})

    def test_a_hangup_that_is_ignored(self):
        self.source.rules.clear()
        self.source.rule("GET", "/blobs/", faults.Throttle(500_000))
        run = self.started(prefix=("nohup",))
        run.send_signal(signal.SIGHUP)
        result = run.wait(60)
        self.assertEqual(result.exit_code, 0, result)
        self.assert_whole(self.destination, "b", "v1", self.image)

    def test_a_layout_is_left_without_temporaries(self):
        layout = self.directory / "layout"
        images.write_layout(self.old, layout, "v1")
        run = self.started(f"oci:{layout}:v1")
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(20).exit_code, 143)
        self.assertEqual(oracle.verify_layout(layout, "v1").digest, self.old.digest)
        self.assertEqual(strange_files_in_layout(layout), [])

    def test_an_archive_is_not_left_half(self):
        archive = self.directory / "new.tar"
        run = self.started(f"oci-archive:{archive}:v1")
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(20).exit_code, 130)
        self.assertEqual(list(self.directory.glob("*new.tar*")), [])

    def test_while_layers_are_recompressed(self):
        layout, archive = self.directory / "layout", self.directory / "new.tar"
        images.write_layout(self.old, layout, "v1")
        for place in (None, f"oci:{layout}:v1", f"oci-archive:{archive}:v1"):
            with self.subTest(place=place):
                run = self.started(place, "--recompress", "zstd")
                run.send_signal(signal.SIGTERM)
                result = run.wait(20)
                self.assertEqual(result.exit_code, 143, result)
                self.check_run(result)
        process.wait_until(lambda: not self.destination.open_uploads(), 3, what="cancelled sessions")
        self.assertEqual(strange_files_in_layout(layout), [])
        self.assertEqual(list(self.directory.glob("*new.tar*")), [])

    def test_the_second_signal_ends_at_once(self):
        hold = faults.Hold()
        self.destination.rule("DELETE|GET", "/uploads/", hold)
        run = self.started()
        run.send_signal(signal.SIGINT)
        self.assertTrue(hold.reached())
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        result = run.wait(20)
        hold.release()
        self.assertEqual(result.exit_code, 130, result)
        self.assertLess(time.monotonic() - began, 2)
        self.assertNotRegex(result.stderr, GAVE_UP)

    def test_clean_up_that_hangs_ends_after_five_seconds(self):
        hold = faults.Hold()
        self.destination.rule("DELETE|GET", "/uploads/", hold)
        run = self.started()
        began = time.monotonic()
        run.send_signal(signal.SIGTERM)
        result = run.wait(30)
        hold.release()
        self.assertEqual(result.exit_code, 143, result)
        self.assertLess(time.monotonic() - began, 8)
        self.assertRegex(result.stderr, GAVE_UP)

    def test_after_kill_9_a_rerun_converges(self):
        layout = self.directory / "layout"
        images.write_layout(self.old, layout, "v1")
        for destination in (at(self.destination, "b", "v1"), f"oci:{layout}:v1"):
            with self.subTest(destination=destination):
                self.source.rules.clear()
                self.source.rule("GET", "/blobs/", faults.Throttle(50_000))
                before = len(self.source.journal)
                run = self.program.start("copy", "--progress", "none", at(self.source, "a", "v1"), destination)
                process.wait_until(
                    lambda: any(r.body_sent > 10_000 for r in self.source.requests("GET", "/blobs/", since=before))
                )
                run.send_signal(signal.SIGKILL)
                self.assertEqual(run.wait(10).exit_code, 137)
                if destination.startswith("oci"):
                    self.assertEqual(oracle.verify_layout(layout, "v1").digest, self.old.digest)
                else:
                    self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})
                self.source.rules.clear()
                self.copy(at(self.source, "a", "v1"), destination)
        self.assert_whole(self.destination, "b", "v1", self.image)
        self.assertEqual(oracle.verify_layout(layout, "v1").digest, self.image.digest)


class Output(Case):
    def run_with_stdout(self, stdout, *arguments):
        return subprocess.run([self.program.binary, *arguments], env=self.program.environment(), stdin=subprocess.DEVNULL,
                              stdout=stdout, stderr=subprocess.PIPE, timeout=60)

    def test_a_full_device_is_no_success(self):
        images.write_layout(images.single(), self.directory / "source", "v1")
        with open("/dev/full", "w") as full:
            done = self.run_with_stdout(full, "copy", f"oci:{self.directory}/source:v1", f"oci:{self.directory}/to:v1")
        self.assertEqual(done.returncode, LOCAL, done.stderr)
        self.assertTrue(done.stderr)

    def test_a_closed_pipe_is_no_success_and_no_signal(self):
        images.write_layout(images.single(), self.directory / "source", "v1")
        reader, writer = os.pipe()
        os.close(reader)
        done = self.run_with_stdout(writer, "copy", f"oci:{self.directory}/source:v1", f"oci:{self.directory}/to:v1")
        os.close(writer)
        self.assertEqual(done.returncode, LOCAL, done.stderr)


if __name__ == "__main__":
    unittest.main()
