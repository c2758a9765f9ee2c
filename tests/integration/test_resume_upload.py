"""Uploads that a kill interrupted go on where the registry has them, or start anew; never with a wrong byte."""

import json
import re
import signal
import unittest

from support import faults, images, process
from support.case import OK, USAGE, Case, at
from support.scripted import Upload

MIB = 1 << 20
BUFFER = 64 << 10  # the default of --buffer-size: one buffer is withheld until the digest is right
SESSION = "/blobs/uploads/[0-9a-f]"


class ResumeCase(Case):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        self.image = images.single(layers=1, layer_size=4 * MIB)
        self.layer = self.image.document["layers"][0]
        self.size = self.layer["size"]
        self.source.load(self.image, "app", "v1")
        self.journal = self.directory / "journal"

    def command(self, destination, *options):
        return ("copy", "--progress", "none", "--checkpoint", self.journal, *options, at(self.source, "app", "v1"),
                at(destination, "team/app", "v1"))

    def kill_when(self, run, condition):
        process.wait_until(lambda: condition() or not run.alive(), 30, what="the middle of an upload")
        self.assertTrue(run.alive(), run.wait(1) if not run.alive() else "")
        run.send_signal(signal.SIGKILL)
        self.assertEqual(run.wait(10).exit_code, 137)
        self.source.rules.clear()

    def interrupted(self, destination, *options, stall=2 * MIB, held=2 * MIB - BUFFER, command=None):
        """A run that is killed when the registry has `held` bytes of the layer, because the source stalls; the session."""
        self.source.rule("GET", self.layer["digest"], faults.Stall(stall))
        run = self.program.start(*(command or self.command(destination, *options)))
        self.kill_when(run, lambda: any(len(upload.data) >= held for upload in destination.open_uploads()))
        session = next(upload for upload in destination.open_uploads() if len(upload.data) >= held)
        process.wait_until(lambda: session.broken or len(session.data) == held, what="the end of the connection")
        self.assertEqual(len(session.data), held)
        return session

    def rerun(self, destination, *options):
        return self.succeed(*self.command(destination, *options))

    def shown(self):
        return self.succeed("checkpoint", "show", self.journal, "--output", "json").json

    def layer_sessions(self, destination):
        return [upload for upload in destination.uploads.values() if upload.received > 256 << 10]

    def assert_restarted(self, destination, before):
        """The layer went whole into a session of its own, the one from `before` is no more."""
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assert_no_open_uploads(destination)
        self.assertNotEqual(before.state, "committed")
        committed = [upload for upload in self.layer_sessions(destination) if upload.state == "committed"]
        self.assertEqual([upload.received for upload in committed], [self.size])
        self.assertEqual(self.shown()["uploads"], [])


class Continued(ResumeCase):
    def test_only_the_rest_is_sent(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        held = len(session.data)
        entry, = self.shown()["uploads"]
        self.assertEqual((entry["repository"], entry["digest"], entry["size"], entry["offset"]),
                         ("team/app", self.layer["digest"], self.size, 0))
        since = len(destination.journal)
        self.rerun(destination)
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual((session.state, session.received), ("committed", self.size))
        patch, = destination.requests("PATCH", since=since)
        self.assertEqual(patch.headers.get("Content-Range"), f"{held}-{self.size - 1}")
        self.assertEqual(patch.body_received, self.size - held)
        self.assertLess(sum(request.body_received for request in destination.requests(since=since)),
                        self.size - held + 8192)
        self.assert_no_open_uploads(destination)
        self.assertEqual(self.shown()["uploads"], [])

    def test_in_chunks(self):
        destination = self.scripted(location="absolute")
        options = ("--chunk-size", "1MiB")
        session = self.interrupted(destination, *options, stall=2 * MIB + 5 * BUFFER, held=2 * MIB + 4 * BUFFER)
        self.assertEqual(self.shown()["uploads"][0]["offset"], 2 * MIB)
        held, since = len(session.data), len(destination.journal)
        self.rerun(destination, *options)
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual((session.state, session.received), ("committed", self.size))
        ranges = [request.headers.get("Content-Range") for request in destination.requests("PATCH", since=since)]
        ends = [*range(held + MIB, self.size, MIB), self.size]
        self.assertEqual(ranges, [f"{max(held, end - MIB) if end < self.size else ends[-2]}-{end - 1}" for end in ends])

    def test_killed_again(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        again = self.interrupted(destination, stall=3 * MIB, held=3 * MIB - BUFFER)
        self.assertIs(again, session)
        self.rerun(destination)
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual((session.state, session.received), ("committed", self.size))

    def test_when_all_bytes_were_there(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        session.data[:] = self.image.blobs[self.layer["digest"]]
        since = len(destination.journal)
        self.rerun(destination)
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual(session.state, "committed")
        self.assertEqual(destination.requests("PATCH", since=since), [])

    def test_a_tree(self):
        destination = self.scripted()
        tree = ("replicate-tree", "--progress", "none", "--checkpoint", self.journal, "--lock", self.directory / "lock",
                f"{self.source.host}", f"{destination.host}/team")
        session = self.interrupted(destination, command=tree)
        self.succeed(*tree)
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual((session.state, session.received), ("committed", self.size))
        self.assertEqual((len(self.shown()["entries"]), self.shown()["uploads"]), (1, []))

    def test_a_session_that_a_mount_brought_gives_way(self):
        """Where self-mounts tell, absence is found out by a request that opens a session."""
        destination = self.scripted(mount="real")
        destination.repository("team/app").blobs[self.image.document["config"]["digest"]] = self.image.blobs[
            self.image.document["config"]["digest"]]
        session = self.interrupted(destination)
        self.rerun(destination, "--jobs", "1")
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual((session.state, session.received), ("committed", self.size))
        self.assert_no_open_uploads(destination)

    def test_without_a_journal_nothing_is_asked(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        since = len(destination.journal)
        self.copy(at(self.source, "app", "v1"), at(destination, "team/app", "v1"))
        self.assertEqual(destination.requests("GET", SESSION, since=since), [])
        self.assertEqual(session.state, "open")


class Restarted(ResumeCase):
    def test_a_session_that_is_gone(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        session.state = "expired"
        self.rerun(destination)
        self.assert_restarted(destination, session)

    def test_a_registry_that_refuses_to_tell(self):
        for status in (403, 405, 416, 500, 503):
            with self.subTest(status=status):
                destination = self.scripted()
                self.journal = self.directory / f"journal-{status}"
                session = self.interrupted(destination)
                destination.rule("GET", SESSION, faults.status(status), times=1)
                since = len(destination.journal)
                self.rerun(destination)
                self.assertEqual(len(destination.requests("GET", SESSION, since=since)), 1, "it is asked once")
                session.state = "expired"  # nothing is known of it any more
                self.assert_restarted(destination, session)

    def test_a_range_that_lies(self):
        """Beyond what can have been sent, nothing or nonsense: a new session. The old one is cancelled."""
        for number, lie in enumerate(("0-99999999", "0-18446744073709551615", "0-0", "5-9", "bananas", "0-", None)):
            with self.subTest(range=lie):
                destination = self.scripted()
                self.journal = self.directory / f"journal-{number}"
                session = self.interrupted(destination)
                destination.rule("GET", SESSION, faults.SetHeader(Range=lie), times=1)
                self.rerun(destination)
                self.assertEqual(session.state, "cancelled")
                self.assert_restarted(destination, session)

    def test_a_range_beyond_the_patch_that_was_under_way(self):
        destination = self.scripted()
        options = ("--chunk-size", "1MiB")
        session = self.interrupted(destination, *options, stall=2 * MIB + 5 * BUFFER, held=2 * MIB + 4 * BUFFER)
        destination.rule("GET", SESSION, faults.SetHeader(Range=f"0-{3 * MIB}"), times=1)
        self.rerun(destination, *options)
        self.assertEqual(session.state, "cancelled")
        self.assert_restarted(destination, session)

    def test_a_range_that_is_too_short(self):
        """The registry's own check of Content-Range finds it; where it has none, the answer to the PATCH shows it."""
        for name in ("checked", "unchecked"):
            with self.subTest(name=name):
                destination = self.scripted()
                self.journal = self.directory / f"journal-{name}"
                session = self.interrupted(destination)
                destination.rule("GET", SESSION, faults.SetHeader(Range="0-999"), times=1)
                if name == "unchecked":
                    destination.rule("PATCH", SESSION, faults.Call(lambda request: request.headers.remove("Content-Range")))
                self.rerun(destination)
                self.assertEqual(session.state, "cancelled")
                self.assert_restarted(destination, session)

    def test_other_bytes_in_the_session(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        session.data[1000] ^= 1
        self.rerun(destination)
        self.assertEqual(session.state, "cancelled")
        self.assert_restarted(destination, session)

    def test_a_blob_that_is_there_by_now(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        destination.repository("team/app").blobs.update(self.image.blobs)
        self.rerun(destination)
        self.assertEqual(session.state, "cancelled")
        self.assert_whole(destination, "team/app", "v1", self.image)
        self.assertEqual(self.shown()["uploads"], [])

    def test_a_source_that_has_changed(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        other = images.single("other", layers=1, layer_size=MIB)
        self.source.load(other, "app", "v1")
        since = len(destination.journal)
        self.rerun(destination)
        self.assert_whole(destination, "team/app", "v1", other)
        self.assertEqual(destination.requests("GET", SESSION, since=since), [])
        self.assertEqual(session.state, "open")
        self.assertEqual(len(self.shown()["uploads"]), 1, "it may still be of use: for seven days")


class DockerRegistry(ResumeCase):
    """2.8.2 forgets a session whose PUT or PATCH broke off, and goes on with one between two PATCH requests."""

    def test_a_broken_body_starts_anew(self):
        for method, options in (("PUT", ()), ("PATCH", ("--chunk-size", "1MiB"))):
            with self.subTest(method=method):
                destination = self.registry()
                self.journal = self.directory / f"journal-{method}"
                self.source.rule("GET", self.layer["digest"], faults.Stall(2 * MIB + 8 * BUFFER))
                run = self.program.start(*self.command(destination, *options))
                least = 2 * MIB + (0 if method == "PUT" else 4 * BUFFER)
                self.kill_when(run, lambda: any(path.stat().st_size >= least for path in destination.uploads_left()))
                destination.mark()
                self.rerun(destination, *options)
                self.assert_whole(destination, "team/app", "v1", self.image)
                asked = [request.status for request in destination.requests(method="GET", path=SESSION)]
                self.assertEqual(asked, [404])
                patches = -(-self.size // MIB) if method == "PATCH" else 0
                self.assertEqual(len(destination.requests(method="PATCH")), patches)
                self.assertEqual(self.shown()["uploads"], [])

    def test_chunks_go_on(self):
        """With buffers as large as the chunks each PATCH goes out at once, and the kill meets the pause between two."""
        destination = self.registry()
        options = ("--chunk-size", "1MiB", "--buffer-size", "1MiB", "--jobs", "1")  # one after the other: so are the requests
        self.source.rule("GET", self.layer["digest"], faults.Stall(3 * MIB + 1000))
        run = self.program.start(*self.command(destination, *options))

        def between():
            begun = self.journal.exists() and self.journal.stat().st_size > 0
            return begun and any(entry["offset"] == 2 * MIB for entry in self.shown()["uploads"])

        self.kill_when(run, between)
        destination.mark()
        self.rerun(destination, *options)
        self.assert_whole(destination, "team/app", "v1", self.image)
        asked = [request.status for request in destination.requests(method="GET", path=SESSION)]
        # One of the session that goes on. The config's mount has shown that mounts tell, so that the layer's was tried as well, and the
        # session it brought gives way: its status is asked for before it is cancelled.
        self.assertEqual(asked, [204, 204])
        patches = destination.requests(method="PATCH", status=202)
        self.assertEqual(len(patches), -(-(self.size - 2 * MIB) // MIB), "the first two are not sent again")
        self.assertEqual(destination.uploads_left(), [])
        self.assertEqual(self.shown()["uploads"], [])


class Secrets(ResumeCase):
    def test_the_location_is_in_the_journal_alone(self):
        destination = self.scripted()
        state = "Zm9yIG5vIG90aGVyIGV5ZXM"

        def hide(request):
            request.query["_state"] = [request.argument("_state", "").replace(state, "")]

        class Show(faults.Fault):
            def after(self, request, response):
                location = response.headers.get("Location")
                if location:
                    response.headers.set("Location", location.replace("a%2Bb", f"{state}a%2Bb"))
                return response

        destination.rule("*", "/blobs/uploads/", faults.Call(hide))
        destination.rule("POST|PATCH|GET", "/blobs/uploads/", Show())
        session = self.interrupted(destination)
        self.assertIn(state, self.journal.read_text())
        self.assertEqual(self.journal.stat().st_mode & 0o777, 0o600)
        name = next(name for name, upload in destination.uploads.items() if upload is session)
        for more in ((), ("--output", "json")):
            shown = self.succeed("checkpoint", "show", self.journal, *more)
            self.assertNotIn(state, shown.stdout + shown.stderr)
            self.assertNotIn(name, shown.stdout + shown.stderr)
        result = self.rerun(destination, "--log-level", "info", "--output", "json")
        self.assertNotIn(name, result.stdout + result.stderr)
        self.assertIn("going on", result.stderr)
        self.assertEqual(session.state, "committed")
        self.journal = self.directory / "second"
        second = self.scripted()
        second.rules = destination.rules
        self.interrupted(second)
        result = self.rerun(second, "--log-level", "debug")
        self.assertNotIn(state, result.stdout + result.stderr)

    def test_a_journal_that_others_could_read_is_replaced(self):
        destination = self.scripted()
        self.interrupted(destination)
        self.journal.chmod(0o644)
        old = open(self.journal, "rb")
        self.addCleanup(old.close)
        held = len(old.read())
        self.rerun(destination)
        self.assertEqual(self.journal.stat().st_mode & 0o777, 0o600)
        self.assertEqual(old.read(), b"", "who had it open sees nothing of what was written since")
        self.assertGreater(held, 0)

    def test_a_location_elsewhere_gets_no_credentials(self):
        elsewhere = self.scripted()
        destination = self.scripted(basic=("user", "s3cret"))
        environment = {"FREIGHTLINER_DEST_PASSWORD": "s3cret"}
        name = "5" * 32
        session = elsewhere.uploads[name] = Upload("team/app")
        location = f"{elsewhere.url}/v2/team/app/blobs/uploads/{name}?_state=a%2Bb%3D0"
        rule = destination.rule("POST", "/uploads/", faults.SetHeader(Location=location))
        self.source.rule("GET", self.layer["digest"], faults.Stall(2 * MIB))
        small = self.image.document["config"]["digest"]
        destination.repository("team/app").blobs[small] = self.image.blobs[small]
        command = self.command(destination, "--dest-username", "user")
        run = self.program.start(*command, env=environment)
        self.kill_when(run, lambda: len(session.data) >= 2 * MIB - BUFFER)
        process.wait_until(lambda: session.broken, what="the end of the connection")
        destination.rules.remove(rule)
        since, taken = len(elsewhere.journal), len(session.data)
        self.succeed(*command, env=environment)
        self.assert_whole(destination, "team/app", "v1", self.image)  # which refused the manifest until it had the blob
        self.assertEqual((session.state, session.received), ("committed", self.size))
        self.assertEqual(elsewhere.requests("PATCH", since=since)[0].body_received, self.size - taken)
        for request in elsewhere.journal:
            self.assertIsNone(request.headers.get("Authorization"), request.target)


class Journals(ResumeCase):
    def test_a_stopped_run_leaves_nothing(self):
        destination = self.scripted()
        self.source.rule("GET", self.layer["digest"], faults.Stall(2 * MIB))
        run = self.program.start(*self.command(destination))
        process.wait_until(lambda: any(upload.received >= MIB for upload in destination.open_uploads()), 30)
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(10).exit_code, 143)
        self.assert_no_open_uploads(destination)
        self.assertEqual(self.shown()["uploads"], [])

    def test_the_journal_of_another_job(self):
        destination, third = self.scripted(), self.scripted()
        session = self.interrupted(destination)
        before = self.journal.read_bytes()
        self.refuse(USAGE, *self.command(third), words="checkpoint clear")
        self.refuse(USAGE, "replicate-tree", "--progress", "none", "--checkpoint", self.journal, "--lock",
                    self.directory / "lock", self.source.host, f"{destination.host}/team", words="checkpoint clear")
        self.assertEqual((self.journal.read_bytes(), third.journal, session.state), (before, [], "open"))

    def test_clear_says_what_stays(self):
        destination = self.scripted()
        session = self.interrupted(destination)
        shown = self.succeed("checkpoint", "show", self.journal).stdout
        self.assertIn(f"open upload team/app@{self.layer['digest']}, 0 of {self.size} bytes", shown)
        result = self.succeed("checkpoint", "clear", self.journal)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, "1 open upload stays")
        self.assertFalse(self.journal.exists())
        self.assertEqual(session.state, "open")

    def test_a_journal_of_the_first_format(self):
        """As version 0.1 wrote them, before there were uploads in them: read, and written anew."""
        destination = self.scripted()
        tree = ("replicate-tree", "--progress", "none", "--checkpoint", self.journal, "--lock", self.directory / "lock",
                "--output", "json", self.source.host, f"{destination.host}/team")
        self.succeed(*tree)
        lines = self.journal.read_text().splitlines(keepends=True)
        head = re.sub(r'(?<="freightliner_checkpoint":)2', "1", lines[0].partition(',"sum":')[0])
        lines[0] = f'{head},"sum":"{images.digest_of(head.encode()).partition(":")[2][:16]}"}}\n'
        self.journal.write_text("".join(line for line in lines if '"upload"' not in line))
        self.assertEqual(len(self.shown()["entries"]), 1)
        report = self.succeed(*tree).json
        self.assertEqual(json.loads(self.journal.read_text().splitlines()[0])["freightliner_checkpoint"], 2)
        self.assertEqual(report["exit_code"], OK)
        self.assertEqual(len(self.shown()["entries"]), 1)

    def test_small_blobs_are_not_noted(self):
        destination = self.scripted()
        self.source.load(images.single("small", layers=3, layer_size=8192), "app", "v1")
        self.rerun(destination)
        self.assertEqual(len(self.journal.read_text().splitlines()), 1)

    def test_where_there_is_nothing_to_keep(self):
        destination = self.scripted()
        self.rerun(destination, "--dry-run")
        self.assertFalse(self.journal.exists())
        self.refuse(USAGE, "copy", "--progress", "none", "--checkpoint", self.journal, at(self.source, "app", "v1"),
                    f"oci:{self.directory}/layout", words="checkpoint")
        self.assertFalse(self.journal.exists())


if __name__ == "__main__":
    unittest.main()
