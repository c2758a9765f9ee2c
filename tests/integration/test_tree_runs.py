"""Runs that are killed, stopped, or meet another run; checkpoints."""

import hashlib
import os
import pathlib
import signal
import time
import unittest

from support import faults, process
from support.case import INTEGRITY, USAGE
from support.tree import LOCKED, TreeCase, by_reference, fill, fleet, read_report, small, tags_of


def blobs_of(requests):
    return {request.path.rpartition("/")[2] for request in requests}


class RunCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.contents = fleet(4, 30)
        fill(self.source, self.contents)

    def slow(self, seconds=0.02):
        self.source.rule("GET", "/blobs/", faults.Delay(seconds))

    def fast(self):
        self.source.rules.clear()
        self.destination.rules.clear()

    def started(self, *options, tags=20, source=None, **more):
        """A run in the middle: so many tags are at the destination."""
        run = self.start_tree(source or self.source, self.destination, *options, **more)
        process.wait_until(lambda: len(tags_of(self.destination)) >= tags or not run.alive(), 30, what="some tags")
        self.assertTrue(run.alive(), "the run ended too early for the test")
        return run

    def hold(self):
        """Runs end only when this is released: they wait for the last layer of all."""
        hold = faults.Hold()
        self.addCleanup(hold.release)
        layer = self.contents["repo003", "v29"].document["layers"][1]["digest"]
        self.source.rule("GET", f"/repo003/blobs/{layer}", hold)
        return hold

    def killed(self, *options, **more):
        run = self.started(*options, **more)
        run.send_signal(signal.SIGKILL)
        self.assertEqual(run.wait(10).exit_code, 137)

    def committed(self):
        return {upload.digest for upload in self.destination.uploads.values() if upload.state == "committed"}

    def head_paths(self, since):
        return {request.path for request in self.destination.requests("HEAD", "/manifests/", since=since)}


class Killed(RunCase):
    def test_a_rerun_moves_again_only_what_was_in_flight(self):
        self.slow()
        self.killed("--jobs-per-host", "6")
        self.assert_every_tag_is_whole(self.destination)
        committed, asked = self.committed(), blobs_of(self.source.requests("GET", "/blobs/"))
        in_flight = asked - committed
        self.assertLessEqual(len(in_flight), 12)
        self.fast()
        source_mark, upload_mark = len(self.source.journal), len(self.destination.uploads)
        report = self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, self.contents)
        again = blobs_of(self.source.requests("GET", "/blobs/", since=source_mark))
        self.assertLessEqual(again & asked, in_flight)
        self.assertEqual(again & committed, set())
        uploaded = [upload.digest for upload in list(self.destination.uploads.values())[upload_mark:] if upload.digest]
        self.assertEqual(set(uploaded) & committed, set())
        self.assertEqual(len(uploaded), len(set(uploaded)))
        self.assertGreaterEqual(report["totals"]["equal"], 20)

    def test_tags_are_old_or_whole_at_every_moment(self):
        old = {key: small(f"old {key}") for key in self.contents}
        fill(self.destination, old)
        allowed = {key: {old[key].digest, self.contents[key].digest} for key in self.contents}
        self.slow(0.01)
        for round_number in range(4):
            run = self.start_tree(self.source, self.destination)
            deadline = time.monotonic() + 0.25 + 0.2 * round_number
            while time.monotonic() < deadline and run.alive():
                for key, digest in tags_of(self.destination).items():
                    self.assertIn(digest, allowed[key])
                self.assert_every_tag_is_whole(self.destination)
            run.send_signal(signal.SIGKILL)
            run.wait(10)
            self.assert_every_tag_is_whole(self.destination)
        self.fast()
        self.replicate(self.source, self.destination)
        for key, image in self.contents.items():
            self.assert_whole(self.destination, *key, image)

    def test_against_a_real_registry(self):
        source, destination = self.registry(), self.registry()
        contents = fleet(3, 60)
        fill(source, contents)
        run = self.start_tree(source, destination)
        process.wait_until(lambda: len(tags_of(destination)) >= 15 or not run.alive(), 30, interval=0.005)
        run.send_signal(signal.SIGKILL)
        run.wait(10)
        self.assert_every_tag_is_whole(destination)
        source.mark()
        there = len(tags_of(destination))
        report = self.replicate(source, destination)
        self.assert_tree(destination, contents)
        self.assertGreaterEqual(report["totals"]["equal"], there)


class Stopped(RunCase):
    def test_a_signal_cleans_up_within_five_seconds(self):
        path = self.directory / "report.json"
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(signal=number.name):
                self.destination = self.scripted()
                self.fast()
                self.slow(0.05)
                self.destination.rule("PUT", "/blobs/", faults.Delay(0.05))
                run = self.started("--report", path)
                began = time.monotonic()
                run.send_signal(number)
                result = run.wait(20)
                self.assertEqual(result.exit_code, code, result)
                self.assertLess(time.monotonic() - began, 5.5)
                self.assertNotRegex(result.stderr, "left behind|clean-up took longer")
                self.check_run(result)
                process.wait_until(lambda: not self.destination.open_uploads(), 3, what="cancelled sessions")
                self.assert_every_tag_is_whole(self.destination)
                report = read_report(path)
                self.assertEqual(report["error"]["class"], "cancelled")
                done = {name for name, entry in by_reference(report).items() if entry["outcome"] == "copied"}
                # A PUT whose answer was not waited for may have taken effect.
                self.assertLessEqual(done, {f"{name}:{tag}" for name, tag in tags_of(self.destination)})
                self.assertGreaterEqual(len(done), 10)
        self.fast()
        self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, self.contents)

    def test_while_it_waits_for_the_lock_or_a_pause(self):
        hold = self.hold()
        holder = self.started(tags=1)
        waiting = self.start_tree(self.source, self.destination, "--lock-wait", "60s")
        time.sleep(0.3)
        waiting.send_signal(signal.SIGTERM)
        self.assertEqual(waiting.wait(6).exit_code, 143)
        self.assertTrue(holder.alive())
        holder.send_signal(signal.SIGTERM)
        holder.wait(10)
        hold.release()
        self.source.rule("GET", "/manifests/", faults.too_many(30))
        paused = self.start_tree(self.source, self.destination)
        time.sleep(0.5)
        paused.send_signal(signal.SIGTERM)
        self.assertEqual(paused.wait(6).exit_code, 143)


class Locks(RunCase):
    def test_a_second_run_exits_at_once(self):
        hold = self.hold()
        first = self.started(tags=1)
        asked = len([r for r in self.source.journal if "_catalog" in r.path])
        result = self.refuse_tree(LOCKED, self.source, self.destination, words=(str(first.pid), "lock"))
        self.assertLess(result.seconds, 2)
        self.assertEqual(len([r for r in self.source.journal if "_catalog" in r.path]), asked)
        hold.release()
        self.assertEqual(first.wait(60).exit_code, 0)
        self.assert_tree(self.destination, self.contents)

    def test_a_second_run_that_waits(self):
        hold = self.hold()
        first = self.started(tags=1)
        second = self.start_tree(self.source, self.destination, "--lock-wait", "60s")
        hold.release()
        self.assertEqual(first.wait(60).exit_code, 0)
        result = second.wait(60)
        self.assertEqual(result.exit_code, 0, result)
        self.assertEqual(result.json["totals"]["equal"], len(self.contents))

    def test_a_wait_that_is_too_short(self):
        self.hold()
        self.started(tags=1)
        result = self.refuse_tree(LOCKED, self.source, self.destination, "--lock-wait", "500ms")
        self.assertGreater(result.seconds, 0.4)

    def test_two_runs_with_different_locks(self):
        self.slow(0.005)
        runs = [self.start_tree(self.source, self.destination, "--lock", self.directory / f"lock{n}") for n in range(2)]
        for run in runs:
            result = run.wait(60)
            self.assertEqual(result.exit_code, 0, result)
        self.assert_tree(self.destination, self.contents)
        self.assert_no_open_uploads(self.destination)

    def test_a_dry_run_takes_no_lock(self):
        self.hold()
        self.started(tags=1)
        self.replicate(self.source, self.destination, "--dry-run")

    def test_the_default_lock(self):
        """It depends on source and destination alone, and dies with its holder."""
        name = hashlib.sha256(f"{self.source.host}\0{self.destination.host}".encode()).hexdigest()[:32]
        path = pathlib.Path(f"/tmp/freightliner-{os.getuid()}") / f"{name}.lock"
        self.addCleanup(path.unlink, missing_ok=True)
        hold = self.hold()
        arguments = ["replicate-tree", "--progress", "none", self.source.host, self.destination.host]
        first = self.program.start(*arguments)
        self.addCleanup(lambda: first.alive() and first.send_signal(signal.SIGKILL))
        process.wait_until(lambda: tags_of(self.destination), 20)
        self.assertTrue(path.exists())
        self.refuse(LOCKED, *arguments, env={"XDG_RUNTIME_DIR": "", "HOME": str(self.directory)})
        third = self.scripted()
        self.replicate(self.source, third, "--repo", "repo000", "--include-tag", "v1")
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        hold.release()
        self.succeed(*arguments)
        self.assert_tree(self.destination, self.contents)

    def test_a_lock_file_that_is_no_file(self):
        (self.directory / "link").symlink_to(self.directory / "elsewhere")
        for path in (self.directory / "link", self.directory, self.directory / "none" / "lock"):
            with self.subTest(path=path.name):
                result = self.program.run(*self.arguments(self.source, self.destination, "--lock", path))
                self.assertIn(result.exit_code, (USAGE, INTEGRITY, 11), result)
        self.assertFalse((self.directory / "elsewhere").exists())
        self.assertEqual(self.destination.journal, [])


class Checkpoints(RunCase):
    def setUp(self):
        super().setUp()
        self.journal = self.directory / "journal"
        self.options = ("--checkpoint", self.journal)

    def test_a_rerun_after_a_kill_skips_even_the_heads(self):
        self.slow()
        self.killed(*self.options)
        shown = self.succeed("checkpoint", "show", self.journal, "--output", "json").json
        finished = {(entry["repository"], entry["tag"]): entry["digest"] for entry in shown["entries"]}
        self.assertGreaterEqual(len(finished), 10)
        for key, digest in finished.items():
            self.assertEqual(digest, self.contents[key].digest)
            self.assertEqual(tags_of(self.destination)[key], digest, "nothing is recorded before it is true")
        self.fast()
        since = len(self.source.journal), len(self.destination.journal)
        report = self.replicate(self.source, self.destination, *self.options)
        self.assert_tree(self.destination, self.contents)
        for registry, start in zip((self.source, self.destination), since):
            asked = {request.path for request in registry.requests(path="/manifests/", since=start)}
            self.assertEqual(asked & {f"/v2/{name}/manifests/{tag}" for name, tag in finished}, set())
        skipped = [entry for entry in report["references"] if entry["reason"] == "checkpoint"]
        self.assertEqual(len(skipped), len(finished))

    def test_the_time_to_live(self):
        self.replicate(self.source, self.destination, *self.options)
        since = len(self.destination.journal)
        report = self.replicate(self.source, self.destination, *self.options)
        self.assertEqual({entry["reason"] for entry in report["references"]}, {"checkpoint"})
        self.assertEqual(self.head_paths(since), set())
        time.sleep(1.1)
        report = self.replicate(self.source, self.destination, *self.options, "--checkpoint-ttl", "1s")
        self.assertEqual({entry["reason"] for entry in report["references"]}, {"same-digest"})
        self.assertEqual(len(self.head_paths(since)), len(self.contents))

    def test_a_tag_that_is_gone_at_the_destination_is_copied_again(self):
        """The destination's list of tags is read anyway; the journal does not stand above it."""
        self.replicate(self.source, self.destination, *self.options)
        del self.destination.repository("repo001").tags["v7"]
        since = len(self.destination.journal)
        report = self.replicate(self.source, self.destination, *self.options)
        self.assertEqual(len(self.destination.requests("GET", "/repo001/tags/list", since=since)), 1)
        self.assertEqual(by_reference(report)["repo001:v7"]["outcome"], "copied")
        self.assert_tree(self.destination, self.contents)

    def test_foreign_checkpoints_are_refused(self):
        self.replicate(self.source, self.destination, *self.options, "--include-repo", "repo000")
        before = self.journal.read_bytes()
        third = self.scripted()
        for destination, options in ((third, ("--include-repo", "repo000")), (self.destination, ()),
                                     (self.destination, ("--include-repo", "repo000", "--platform", "linux/amd64"))):
            with self.subTest(options=options):
                self.refuse_tree(USAGE, self.source, destination, *self.options, *options, words="checkpoint clear")
        self.assertEqual(self.journal.read_bytes(), before)
        self.assertEqual(third.journal, [])

    def test_corrupt_checkpoints_are_refused(self):
        self.replicate(self.source, self.destination, *self.options)
        good = self.journal.read_bytes()
        lines = good.splitlines(keepends=True)
        flipped = bytearray(good)
        flipped[len(lines[0]) + len(lines[1]) + 40] ^= 1
        for name, data in (("a bit", bytes(flipped)), ("a line cut", b"".join(lines[:3]) + lines[3][:20] + b"\n" + lines[4]),
                           ("zeros", lines[0] + b"\0" * 200 + b"\n"), ("no header", b"".join(lines[1:])),
                           ("another file", b"root:x:0:0\n")):
            with self.subTest(damage=name):
                self.journal.write_bytes(data)
                result = self.refuse_tree((INTEGRITY, USAGE), self.source, self.destination, *self.options,
                                          words=str(self.journal))
                self.assertNotIn("\0", result.stderr)
                self.assertEqual(self.journal.read_bytes(), data)
        self.journal.write_bytes(bytes(flipped))
        self.refuse(INTEGRITY, "checkpoint", "show", self.journal)
        self.succeed("checkpoint", "clear", self.journal)
        self.replicate(self.source, self.destination, *self.options)

    def test_a_torn_last_line_is_no_damage(self):
        self.replicate(self.source, self.destination, *self.options)
        data = self.journal.read_bytes()
        self.journal.write_bytes(data[:-30])
        self.assertIn("broke off", self.succeed("checkpoint", "show", self.journal).stdout)
        report = self.replicate(self.source, self.destination, *self.options)
        reasons = [entry["reason"] for entry in report["references"]]
        self.assertEqual((reasons.count("checkpoint"), reasons.count("same-digest")), (len(self.contents) - 1, 1))

    def test_show_and_clear(self):
        for verb in ("show", "clear"):
            self.refuse(USAGE, "checkpoint", verb, self.journal, words="there is no checkpoint")
        self.journal.touch()
        self.refuse(INTEGRITY, "checkpoint", "show", self.journal, words="is empty")
        self.succeed("checkpoint", "clear", self.journal)
        self.assertFalse(self.journal.exists())
        self.replicate(self.source, self.destination, *self.options, "--repo", "repo000", "--include-tag", "v3")
        shown = self.succeed("checkpoint", "show", self.journal).stdout
        for word in (self.source.host, self.destination.host, "repo000:v3", self.contents["repo000", "v3"].digest):
            self.assertIn(word, shown)
        other = self.directory / "precious"
        other.write_text("not a journal\n")
        self.refuse(INTEGRITY, "checkpoint", "clear", other)
        self.assertTrue(other.exists())
        self.succeed("checkpoint", "clear", self.journal)
        self.assertFalse(self.journal.exists())
        for arguments in (("show",), ("burn", self.journal), ()):
            self.refuse(USAGE, "checkpoint", *arguments)

    def test_one_that_another_run_has_open(self):
        self.hold()
        self.started(*self.options, tags=1)
        third = self.directory / "other.lock"
        self.refuse_tree(LOCKED, self.source, self.destination, *self.options, "--lock", third)
        self.succeed("checkpoint", "show", self.journal)
        self.refuse(LOCKED, "checkpoint", "clear", self.journal)

    def test_a_failed_tag_is_not_recorded(self):
        self.source.rule("GET", "/repo002/manifests/v5$", faults.status(404))
        self.replicate(self.source, self.destination, *self.options, code=3)
        self.fast()
        report = self.replicate(self.source, self.destination, *self.options)
        self.assertEqual(by_reference(report)["repo002:v5"]["outcome"], "copied")
        self.assert_tree(self.destination, self.contents)

    def test_a_dry_run_writes_none(self):
        self.replicate(self.source, self.destination, *self.options, "--dry-run")
        self.assertFalse(self.journal.exists())


if __name__ == "__main__":
    unittest.main()
