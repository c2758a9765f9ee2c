"""What a stopped or failed run leaves behind: no upload session, no temporary file, no lock. Every run here looks for leaks at its
end (FREIGHTLINER_LEAK_CHECK, which support.runner sets for all tests)."""

import fcntl
import re
import signal
import unittest

from validation import Case  # before support, which it finds

from support import faults, images, process
from support.case import at

UPLOADS = 8
SESSION = re.compile(r"/blobs/uploads/([^/?]+)$")


class Stopped(Case):
    def setUp(self):
        super().setUp()
        self.image = images.single(layers=UPLOADS, layer_size=600_000)
        self.source = self.scripted()
        self.source.load(self.image, "a", "v1")
        self.source.rule("GET", "/blobs/", faults.Throttle(50_000))
        self.since = 0

    def stop_in_mid_upload(self, number, *arguments, under_way):
        self.since = len(self.source.journal)
        run = self.program.start(*arguments, "--jobs", str(UPLOADS))
        self.addCleanup(lambda: run.alive() and run.send_signal(signal.SIGKILL))
        process.wait_until(under_way, 30, what=f"{UPLOADS} uploads under way")
        run.send_signal(number)
        result = run.wait(20)
        self.assertEqual(result.exit_code, 128 + number, result)
        self.check_run(result)
        return result

    def sending(self):
        return sum(request.body_sent > 10_000
                   for request in self.source.requests("GET", "/blobs/", since=self.since)) >= UPLOADS

    def test_no_session_at_the_registry(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number.name):
                destination = self.scripted()
                self.stop_in_mid_upload(
                    number, "copy", "--progress", "none", at(self.source, "a", "v1"), at(destination, "b", "v1"),
                    under_way=lambda: self.sending() and len(destination.open_uploads()) >= UPLOADS)
                self.assertGreaterEqual(len(destination.requests("DELETE", "/uploads/")), UPLOADS)
                process.wait_until(lambda: not destination.open_uploads(), 3, what="cancelled sessions")
                self.assertEqual(destination.repository("b").tags, {})

    def test_a_tree_leaves_no_lock_and_no_temporary_file(self):
        destination = self.scripted()
        files = self.directory / "files"
        files.mkdir()
        lock, checkpoint, report = (files / name for name in ("lock", "checkpoint", "report.json"))
        self.stop_in_mid_upload(
            signal.SIGTERM, "replicate-tree", "--progress", "none", "--lock", lock, "--checkpoint", checkpoint, "--report",
            report, self.source.host, destination.host,
            under_way=lambda: self.sending() and len(destination.open_uploads()) >= UPLOADS)
        process.wait_until(lambda: not destination.open_uploads(), 3, what="cancelled sessions")
        self.assertEqual(sorted(path.name for path in files.iterdir()), ["checkpoint", "lock", "report.json"])
        for path in (lock, checkpoint):
            with open(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_a_layout_and_an_archive_are_left_without_temporaries(self):
        for destination in (f"oci:{self.directory}/layout:v1", f"oci-archive:{self.directory}/image.tar:v1"):
            with self.subTest(destination=destination):
                self.stop_in_mid_upload(signal.SIGTERM, "copy", "--progress", "none", at(self.source, "a", "v1"), destination,
                                        under_way=self.sending)
                self.assertEqual([str(path) for path in self.directory.rglob("*.tmp")], [])

    def test_every_session_at_docker_registry_is_cancelled(self):
        """What the registry keeps of a PUT that broke off is its own; that each session's cancel was sent is ours: a GET that
        asks for its status, a DELETE at the Location which that answers with."""
        destination = self.registry()
        destination.mark()
        begun = set()

        def all_begun():
            begun.clear()
            begun.update(path.parent.name for path in destination.uploads_left())
            return self.sending() and len(begun) == UPLOADS  # the config's is over

        self.stop_in_mid_upload(signal.SIGTERM, "copy", "--progress", "none", at(self.source, "a", "v1"),
                                at(destination, "b", "v1"), under_way=all_begun)
        self.assertLessEqual(begun, self.sessions(destination, "GET"))
        self.assertLessEqual(begun, self.sessions(destination, "DELETE"))
        left = {path.parent.name for path in destination.uploads_left()}
        self.assertLessEqual(left, begun)

    @staticmethod
    def sessions(registry, method):
        return {SESSION.search(request.path)[1] for request in registry.requests(method=method, path=SESSION.pattern)}

    def test_clean_up_that_hangs_is_named(self):
        destination = self.scripted()
        hold = faults.Hold()
        destination.rule("DELETE|GET", "/uploads/", hold)
        self.addCleanup(hold.release)
        run = self.program.start("copy", "--progress", "none", at(self.source, "a", "v1"), at(destination, "b", "v1"))
        process.wait_until(self.begun_to_send, 30, what="a transfer")
        run.send_signal(signal.SIGTERM)
        result = run.wait(30)
        self.assertEqual(result.exit_code, 143, result)
        # Each request of the clean-up has its time; where all of them hang that is told, one way or the other.
        self.assertIn("left behind: upload session", result.stderr, result)

    def begun_to_send(self):
        return any(request.body_sent > 10_000 for request in self.source.requests("GET", "/blobs/"))


class Everywhere(Case):
    """Zero leaks, whatever request it is that a signal or a fault meets."""

    def setUp(self):
        super().setUp()
        self.image = images.single(layers=UPLOADS, layer_size=30_000)
        self.source = self.scripted()
        self.source.load(self.image, "a", "v1")

    def start(self, destination, *options):
        place = destination if isinstance(destination, str) else at(destination, "b", "v1")
        return self.program.start("copy", "--progress", "none", "--jobs", str(UPLOADS), "--retries", "1", *options,
                                  at(self.source, "a", "v1"), place)

    def assert_nothing_left(self, destination, result):
        self.check_run(result)
        self.assertNotIn("left behind", result.stderr, result)
        self.assertEqual([str(path) for path in self.directory.rglob("*.tmp")], [])
        process.wait_until(lambda: not destination.open_uploads(), 5, what=f"cancelled sessions, after\n{result}")
        self.assertIn(destination.repository("b").tags, ({}, {"v1": self.image.digest}))
        if destination.repository("b").tags:
            self.assert_whole(destination, "b", "v1", self.image)

    def test_a_signal_at_any_request(self):
        """At the destination: before and behind the start of an upload, at a body, at the manifest."""
        whole = self.scripted()
        self.assertEqual(self.start(whole).wait(30).exit_code, 0)
        requests, stopped = len(whole.journal), 0
        self.assertGreater(requests, 2 * UPLOADS)
        for number in range(1, requests + 1):
            destination, running = self.scripted(), []
            destination.rule("*", "", faults.Call(lambda _, running=running: self.stop(running)), nth=number)
            running.append(self.start(destination))
            result = running[0].wait(30)
            self.assertIn(result.exit_code, (0, 143), f"request {number}: {result}")
            stopped += result.exit_code == 143
            self.assert_nothing_left(destination, result)
            destination.stop()
        self.assertGreater(stopped, requests / 2)

    @staticmethod
    def stop(running):
        process.wait_until(lambda: running, what="the run to be known")
        running[0].send_signal(signal.SIGTERM)

    def test_every_fault(self):
        """(at the source, at the destination): (methods, path, fault)."""
        for at_source, at_destination in (
            (("GET", "/blobs/", faults.Cut(10_000)), None),
            (("GET", "/blobs/", faults.Flip()), None),
            (("GET", "/blobs/", faults.Resize(-5)), None),
            (("GET", "/blobs/", faults.status(404)), None),
            (("GET", "/blobs/", faults.status(403)), None),
            (("GET", "/blobs/", faults.DropReply()), None),
            (("GET", "/blobs/", faults.html()), None),
            (None, ("POST", "/uploads/", faults.status(403))),
            (None, ("PUT", "/uploads/", faults.status(403))),
            (None, ("PUT", "/uploads/", faults.status(500))),
            (None, ("PUT", "/uploads/", faults.ResetOnRequest(10_000))),
            (None, ("PUT", "/manifests/", faults.status(403))),
            (None, ("PUT", "/manifests/", faults.ResetOnRequest(10))),
        ):
            with self.subTest(at_source=at_source, at_destination=at_destination):
                destination = self.scripted()
                for registry, rule in ((self.source, at_source), (destination, at_destination)):
                    if rule:
                        registry.rule(*rule)
                result = self.start(destination).wait(60)
                self.source.rules.clear()
                self.assertNotEqual(result.exit_code, 0, result)
                self.assert_nothing_left(destination, result)
                destination.stop()


class Failures(Case):
    def test_a_session_that_cannot_be_cancelled_is_told(self):
        image = images.single(layers=1, layer_size=300_000)
        source, destination = self.scripted(), self.scripted()
        source.load(image, "a", "v1")
        source.rule("GET", "/blobs/", faults.Flip())
        destination.rule("DELETE", "/uploads/", faults.Answer(500))
        result = self.program.run("copy", "--progress", "none", "--retries", "0", at(source, "a", "v1"),
                                  at(destination, "b", "v1"))
        self.assertEqual(result.exit_code, 7, result)
        self.assertIn("left behind: upload session", result.stderr, result)

    def test_a_session_whose_status_is_not_told_is_cancelled_where_it_was(self):
        # The layer is one chunk, which is withheld: no byte comes in that would make the Location stale.
        image = images.single(layers=1, layer_size=30_000)
        source, destination = self.scripted(), self.scripted()
        source.load(image, "a", "v1")
        source.rule("GET", "/blobs/", faults.Flip())
        destination.rule("GET", "/uploads/", faults.ResetOnRequest())
        result = self.program.run("copy", "--progress", "none", "--retries", "0", at(source, "a", "v1"),
                                  at(destination, "b", "v1"))
        self.assertEqual(result.exit_code, 7, result)
        self.assertNotIn("left behind", result.stderr, result)
        self.assertTrue(destination.uploads)
        self.assertEqual(len(destination.requests("DELETE", "/uploads/")), len(destination.uploads))
        self.assert_no_open_uploads(destination)


if __name__ == "__main__":
    unittest.main()
