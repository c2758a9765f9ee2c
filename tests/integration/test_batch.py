"""`copy --batch`: a stream of requests in, a stream of results out."""

import json
import os
import shutil
import signal
import subprocess
import unittest
import unittest.mock

from support import faults, images, oracle, process
from support.case import ALERT, LOCAL, NOT_FOUND, OK, PARTIAL, TEMPORARY, USAGE, Case, at
from support.runner import strange_files_in_layout
from support.talk import WAIT, Talk


class BatchCase(Case):
    def batch(self, requests, *options, code=OK, **more):
        """Runs a batch from standard input; requests that are no bytes are written as JSON. The results by line."""
        lines = [request if isinstance(request, bytes) else json.dumps(request).encode() for request in requests]
        result = self.program.run("copy", "--batch", "-", "--progress", "none", *options, stdin=b"\n".join(lines), **more)
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        records = [json.loads(line) for line in result.stdout.splitlines()]
        self.by_line = {record["line"]: record for record in records}
        self.assertEqual(len(self.by_line), len(records), "each line has one result")
        self.last = result
        return self.by_line

    def request(self, tag, repository="b", **more):
        return {"source": at(self.source, "a", tag), "destination": at(self.destination, repository, tag), **more}

    def two_registries(self, images_by_tag, **destination):
        self.source, self.destination = self.scripted(), self.scripted(**destination)
        for tag, image in images_by_tag.items():
            self.source.load(image, "a", tag)


class Stream(BatchCase):
    def test_the_first_result_is_there_before_the_second_request(self):
        source, destination = self.registry(), self.registry()
        one, two = images.single(1), images.multi_arch(2)
        self.push(source, one, "a", "one")
        self.push(source, two, "a", "two")
        talk = Talk(self)
        talk.ask(source=at(source, "a", "one"), destination=at(destination, "b", "one"), id="first")
        first = talk.answer()
        self.assertEqual((first["id"], first["line"], first["status"], first["digest"]), ("first", 1, "copied", one.digest))
        self.assert_whole(destination, "b", "one", one)
        talk.ask(source=at(source, "a", "two"), destination=at(destination, "b", "two"))
        second = talk.answer()
        self.assertEqual((second["id"], second["line"], second["digest"]), (2, 2, two.digest))
        talk.ask(source=at(source, "a", "two"), destination=at(destination, "b", "two"), id=7.5)
        self.assertEqual(talk.end(), (OK, [{**second, "id": 7.5, "line": 3, "status": "unchanged", "bytes": 0,
                                            "manifests_written": 0, "tags_written": 0, "duration_ms": unittest.mock.ANY,
                                            "blobs": dict.fromkeys(second["blobs"], 0)}]))
        self.assertIn("2 copied, 1 unchanged, 0 failed", talk.complaints())

    def test_results_come_as_copies_end(self):
        self.two_registries({"slow": images.single(1), "fast": images.single(2)})
        hold = faults.Hold()
        self.source.rule("GET", "/manifests/(slow|" + images.single(1).digest + ")", hold)
        talk = Talk(self)
        talk.ask(**self.request("slow", id="slow"))
        hold.reached()
        talk.ask(**self.request("fast", id="fast"))
        self.assertEqual(talk.answer()["id"], "fast")
        hold.release()
        code, left = talk.end()
        self.assertEqual((code, [record["id"] for record in left]), (OK, ["slow"]))

    def test_many_registries_and_layouts(self):
        """Each side logs in where it has to; blobs go between what each line names."""
        image, other = images.single(1), images.multi_arch(2)
        locked = self.registry(users={"alice": "secret"})
        opened, scripted = self.registry(), self.scripted(mount="real")
        self.push(opened, image, "a", "v1")
        scripted.load(other, "c", "v1")
        archive = self.directory / "source.tar"
        images.write_archive(image, archive, "v1")
        password = self.directory / "password"
        password.write_text("secret")
        layout = self.directory / "layout"
        self.batch([
            {"source": at(opened, "a", "v1"), "destination": at(locked, "x", "v1")},
            {"source": at(scripted, "c", "v1"), "destination": at(locked, "x", "v2")},
            {"source": at(scripted, "c", "v1"), "destination": at(opened, "y", "v1")},
            {"source": f"oci-archive:{archive}:v1", "destination": f"oci:{layout}:one"},
            {"source": at(scripted, "c", "v1"), "destination": f"oci:{layout}:two"},
            {"source": at(opened, "a", "v1"), "destination": at(scripted, "z", "v1")},
        ], "--dest-username", "alice", "--dest-password-file", password)
        credentials = {"user": "alice", "password": "secret"}
        self.assert_whole(locked, "x", "v1", image, **credentials)
        self.assert_whole(locked, "x", "v2", other, **credentials)
        self.assert_whole(opened, "y", "v1", other)
        self.assert_whole(scripted, "z", "v1", image)
        self.assertEqual(oracle.verify_layout(layout, "one").digest, image.digest)
        self.assertEqual(oracle.verify_layout(layout, "two").digest, other.digest)

    def test_a_shared_blob_moves_once(self):
        base = images.random_bytes("base", 300_000)
        contents = {}
        for number in range(12):
            image = images.single(number, layers=0)
            document = image.document
            document["layers"] = [image.add_blob(images.OCI_LAYER, data) for data in (base, b"%d" % number)]
            image.manifests.clear()
            image.add_manifest(images.OCI_MANIFEST, document)
            contents[f"v{number}"] = image
        self.two_registries(contents, mount="real")
        self.source.rule("GET", "/blobs/", faults.Delay(0.02))
        self.batch([self.request(tag, f"app{tag}") for tag in contents])
        for tag, image in contents.items():
            self.assert_whole(self.destination, f"app{tag}", tag, image)
        digest = images.digest_of(base)
        self.assertEqual(len(self.source.requests("GET", digest)), 1)
        self.assertEqual(len([u for u in self.destination.uploads.values() if u.state == "committed" and u.digest == digest]), 1)

    def test_a_layout_keeps_all_tags(self):
        contents = {f"v{number}": images.single(number % 5) for number in range(20)}
        self.two_registries(contents)
        layout = self.directory / "layout"
        # Two names of one directory.
        names = [layout, f"{self.directory}/./layout"]
        self.batch([{"source": at(self.source, "a", tag), "destination": f"oci:{names[number % 2]}:{tag}"}
                    for number, tag in enumerate(contents)])
        for tag, image in contents.items():
            self.assertEqual(oracle.verify_layout(layout, tag).digest, image.digest)
        self.assertEqual(strange_files_in_layout(layout), [])

    def test_layouts_and_archives_that_are_taken_away_come_again(self):
        self.two_registries({"v1": images.multi_arch(1)})
        image = images.multi_arch(1)
        layout, archive = self.directory / "layout", self.directory / "images.tar"
        talk = Talk(self)
        for _ in range(3):
            for name, path in (("oci", layout), ("oci-archive", archive)):
                talk.ask(source=at(self.source, "a", "v1"), destination=f"{name}:{path}:v1")
            self.assertEqual([talk.answer()["status"] for _ in range(2)], ["copied"] * 2)
            self.assertEqual(oracle.verify_layout(layout, "v1").digest, image.digest)
            self.assertEqual(oracle.verify_archive(archive, "v1").digest, image.digest)
            shutil.rmtree(layout)
            archive.unlink()
        self.assertEqual(talk.end(), (OK, []))

    def test_an_archive_is_written_by_one_at_a_time(self):
        contents = {f"v{number}": images.single(number) for number in range(6)}
        self.two_registries(contents)
        archive = self.directory / "images.tar"
        self.batch([{"source": at(self.source, "a", tag), "destination": f"oci-archive:{archive}:{tag}"} for tag in contents])
        for tag, image in contents.items():
            self.copy(f"oci-archive:{archive}:{tag}", f"oci:{self.directory}/from-archive:{tag}")
            self.assertEqual(oracle.verify_layout(self.directory / "from-archive", tag).digest, image.digest)

    def test_an_archive_of_two_names_is_written_by_one_at_a_time(self):
        """Relative and absolute, while nothing is there yet."""
        contents = {f"v{number}": images.single(number) for number in range(6)}
        self.two_registries(contents)
        self.source.rule("GET", "/blobs/", faults.Delay(0.05))
        names = [self.directory / "images.tar", "images.tar"]
        self.batch([{"source": at(self.source, "a", tag), "destination": f"oci-archive:{names[number % 2]}:{tag}"}
                    for number, tag in enumerate(contents)], cwd=self.directory)
        for tag, image in contents.items():
            self.copy(f"oci-archive:{names[0]}:{tag}", f"oci:{self.directory}/from-archive:{tag}")
            self.assertEqual(oracle.verify_layout(self.directory / "from-archive", tag).digest, image.digest)

    def test_options_of_a_line(self):
        """A line beats the command line, which beats what is built in."""
        both = images.multi_arch(1)
        self.two_registries({"v1": both, "v2": images.single(2)})
        self.destination.load(images.single("old"), "kept", "v2")
        records = self.batch([
            self.request("v1", "whole", **{"also-tag": ["more", "most"], "referrers": True}),
            self.request("v1", "one", platform="linux/arm64"),
            self.request("v2", "kept", overwrite="never"),
            self.request("v2", "written"),
        ], "--platform", "linux/amd64", "--overwrite", "always", code=PARTIAL)
        self.assertEqual({line: record["status"] for line, record in records.items()},
                         {1: "copied", 2: "copied", 3: "skipped", 4: "copied"})
        amd, arm = (json.loads(both.bytes)["manifests"][n]["digest"] for n in (0, 1))
        self.assertEqual([records[1]["digest"], records[2]["digest"]], [amd, arm])
        self.assertEqual(set(self.destination.repository("whole").tags), {"v1", "more", "most"})
        self.assertIn("1 skipped", self.last.stderr)

    def test_a_dry_run(self):
        self.two_registries({"v1": images.single(1)})
        records = self.batch([self.request("v1")], "--dry-run")
        self.assertEqual(records[1]["status"], "planned")
        self.assertTrue(records[1]["plan"])
        self.assertEqual(self.destination.requests("PUT|POST|PATCH"), [])


class Input(BatchCase):
    def test_one_bad_line_never_stops_the_rest(self):
        self.two_registries({"v1": images.single(1), "v2": images.single(2)})
        good = json.dumps(self.request("v1")).encode()
        bad = {
            2: (b"not JSON", "json"),
            3: (b'["a"]', "no json object"),
            4: (b'{"source":"a/b:c","source":"d/e:f"}', "twice"),
            5: (b'{"destination":"localhost/b"}', '"source" is missing'),
            6: (json.dumps(self.request("v1", platforms=["x"])).encode(), 'did you mean "platform"'),
            7: (b"[" * 1000, "nested"),
            8: (b'{"id":"\xff"}', "utf-8"),
            9: (json.dumps(self.request("v1", id=["x"])).encode(), "string or a number"),
            10: (json.dumps(self.request("v1", platform="nonsense")).encode(), "platform"),
            11: (json.dumps(self.request("v1", timeout="never")).encode(), "timeout"),
            12: (b'{"id":"known","source":"docker-daemon:x","destination":"localhost/b"}', "docker-daemon"),
            13: (b'{"source":"' + b"x" * (2 << 20) + b'"}', "longer than"),
            14: (b'{"source":1,"destination":"localhost/b"}', "must be a string"),
            15: (b"\x00", "nul"),
            16: (json.dumps(self.request("v1", overwrite="maybe")).encode(), "overwrite"),
            17: (json.dumps({**self.request("v1"), "destination": f"docker://{self.destination.host}/b@sha256:{'0' * 64}",
                             "source": f"docker://{self.source.host}/a@sha256:{'1' * 64}"}).encode(), "digest"),
        }
        lines = [good, *(text for text, _ in bad.values()), b"", b"  \t", json.dumps(self.request("v2")).encode()]
        records = self.batch(lines, code=PARTIAL)
        self.assertEqual(set(records), {1, *bad, len(lines)})
        for line, (_, words) in bad.items():
            error = records[line]["error"]
            self.assertEqual((records[line]["status"], error["class"], error["exit_code"]), ("failed", "usage", USAGE))
            self.assertIn(f"line {line}: ", error["message"])
            self.assertIn(words, error["message"].lower())
        self.assertEqual([records[1]["status"], records[len(lines)]["status"]], ["copied", "copied"])
        self.assertEqual([records[12]["id"], records[5]["id"]], ["known", 5])
        self.assertIn(f"2 copied, 0 unchanged, {len(bad)} failed", self.last.stderr)

    def test_one_copy_that_fails_never_stops_the_rest(self):
        self.two_registries({f"v{n}": images.single(n) for n in range(8)})
        broken = images.single(3)
        self.source.rule("GET", f"/blobs/{broken.document['config']['digest']}", faults.Flip())
        records = self.batch([*(self.request(f"v{n}") for n in range(8)), self.request("missing")], code=PARTIAL)
        self.assertEqual([records[n]["status"] for n in range(1, 10)], ["copied"] * 3 + ["failed"] + ["copied"] * 4 + ["failed"])
        self.assertEqual(records[4]["error"]["class"], "integrity")
        self.assertEqual((records[9]["error"]["class"], records[9]["error"]["exit_code"]), ("not_found", NOT_FOUND))
        self.assertGreaterEqual(records[9]["duration_ms"], 0)

    def test_a_host_that_is_down_spares_the_others(self):
        """Every second line goes to one that answers 503 for ever: the breaker spares it most of the tries, and no line of the
        other host is lost by that."""
        self.two_registries({f"v{n}": images.single(n) for n in range(50)})
        good, dead = self.destination, self.scripted()
        rule = dead.rule("*", "/(manifests|blobs)/", faults.status(503))
        requests = []
        for n in range(50):
            for self.destination in (dead, good):
                requests.append(self.request(f"v{n}"))
        records = self.batch(requests, "--retries", "2", "--jobs-per-host", "8", code=PARTIAL, timeout=120)
        self.assertEqual([records[line]["status"] for line in range(1, 101)], ["failed", "copied"] * 50)
        self.assertEqual({records[line]["error"]["class"] for line in range(1, 101, 2)}, {"temporary"})
        self.assertLess(rule.hits, 75)
        self.assertEqual(len(good.repository("b").tags), 50)

    def test_a_report_has_a_reference_for_each_line(self):
        self.two_registries({f"v{n}": images.single(n) for n in range(3)})
        report = self.directory / "report.json"
        self.batch([*(self.request(f"v{n}") for n in range(3)), self.request("missing"), b"{"], "--report", report, "--stats",
                   code=PARTIAL)
        document = json.loads(report.read_text())
        outcomes = sorted((line["source_repository"], line["tag"], line["outcome"]) for line in document["references"])
        whole = f"{self.source.host}/a"
        self.assertEqual(outcomes, [("", "", "failed"), (whole, "missing", "failed"),
                                    *((whole, f"v{n}", "copied") for n in range(3))])
        self.assertEqual((document["source"], document["exit_code"]), ("--batch -", PARTIAL))
        totals = {name: document["totals"][name] for name in ("repositories", "tags", "copied", "failed")}
        self.assertEqual(totals, {"repositories": 1, "tags": 5, "copied": 3, "failed": 2})
        self.assertFalse(document["dry_run"])
        copies = next(line for line in document["performance"]["operations"] if line["operation"] == "blob_copy")
        self.assertEqual(copies["count"], document["performance"]["blobs"]["copied"])
        self.assertIn("blob_copy", self.last.stderr)

    def test_a_report_of_a_dry_run_says_so(self):
        self.two_registries({"v1": images.single(1)})
        report = self.directory / "report.json"
        self.batch([self.request("v1")], "--dry-run", "--report", report)
        document = json.loads(report.read_text())
        self.assertEqual((document["dry_run"], document["totals"]["planned"]), (True, 1))

    def test_an_alert_fails_a_batch(self):
        self.two_registries({"v1": images.single(1)})
        self.batch([self.request("v1")], "--alert", "rss>1MiB", "--alert-fail", code=ALERT)

    def test_no_thread_to_be_had(self):
        """For the first worker, and for what watches over the time of a line: an error and not the end of the process, nor a wait for
        what never runs."""
        own = int(self.has_sanitizer("tsan"))  # with the first thread TSan starts one of its own, before it
        missing = f"oci:{self.directory}/none:v1"
        request = json.dumps({"source": missing, "destination": f"oci:{self.directory}/out:v1", "timeout": "1m"}).encode()
        for number in range(1, 8):
            with self.subTest(thread=number):
                log = self.directory / "strace.log"
                inject = ("env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-qq", "-o", log,
                          "-e", "trace=clone3", "-e", f"inject=clone3:error=EAGAIN:when={own + number}")
                result = self.program.run("copy", "--batch", "-", "--progress", "none", stdin=request, prefix=inject)
                if "(INJECTED)" not in log.read_text():
                    break
                self.assertEqual(result.exit_code, LOCAL, result)
                self.assertIn("the system refuses what every run needs", result.stderr)
        self.assertGreater(number, 4)

    def test_all_failed(self):
        self.two_registries({})
        self.batch([self.request("v1"), b"{"], code=PARTIAL)

    def test_nothing_asked_for(self):
        for text in (b"", b"\n\n", b"  \n"):
            with self.subTest(text=text):
                self.assertEqual(self.batch([text]), {})
                self.assertIn("0 copied", self.last.stderr)

    def test_a_file(self):
        self.two_registries({"v1": images.single(1)})
        file = self.directory / "batch.jsonl"
        file.write_text(json.dumps(self.request("v1")) + "\r\n" + json.dumps(self.request("v1", id="again")))
        result = self.program.run("copy", "--batch", file, "--jobs", "1", "--progress", "none")
        self.assertEqual((result.exit_code, len(result.stdout.splitlines())), (OK, 2), result)
        for path, words in ((self.directory / "none", "there is no file"), (self.directory, "is a directory")):
            with self.subTest(path=path):
                self.refuse(USAGE, "copy", "--batch", path, words=words)

    def test_a_named_pipe(self):
        self.two_registries({"v1": images.single(1)})
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        run = self.program.start("copy", "--batch", pipe, "--progress", "none")
        with open(pipe, "w") as writer:
            writer.write(json.dumps(self.request("v1")))
        result = run.wait(WAIT)
        self.assertEqual((result.exit_code, len(result.stdout.splitlines())), (OK, 1), result)

    def test_usage(self):
        for words, arguments in (("leave them out", ("--batch", "-", "a/b", "localhost/c")),
                                 ("standard input", ("--batch", "-", "--src-username", "u", "--src-password-file", "-")),
                                 ("more than once", ("--batch", "-", "--batch", "-")),
                                 ("one source and destination", ("--batch", "-", "--checkpoint", self.directory / "c")),
                                 ("unknown option", ("--batch", "-", "--fail-fast"))):
            with self.subTest(arguments=arguments):
                self.refuse(USAGE, "copy", *arguments, words=words)
        self.refuse(USAGE, "copy", "--batch", "-", "--platform", "x", words="platform")


class Buffers(BatchCase):
    def sizes(self, *options):
        """The buffers that the layers of one copy get, one after the other, from a source that is far away."""
        source, destination = self.scripted(), self.scripted()
        image = images.single(1, layers=5, layer_size=8 << 20)
        source.load(image, "a", "v1")
        source.rule("GET", "/(manifests|blobs)/", faults.Delay(0.5))  # far enough for any rate that a test may have
        run = self.copy(at(source, "a", "v1"), at(destination, "b", "v1"), "--jobs", "1", "--log-level", "debug", *options)
        self.assert_whole(destination, "b", "v1", image)
        return [line.split(" of ")[-1] for line in run.stderr.splitlines() if " 10 buffers of " in line]

    def test_larger_ones_are_tried_at_a_distance(self):
        sizes = self.sizes()
        self.assertEqual((len(sizes), sizes[0]), (5, "64.0 KiB"), sizes)
        self.assertIn("256.0 KiB", sizes)

    def test_a_size_fixes_them(self):
        self.assertEqual(self.sizes("--buffer-size", "64KiB"), ["64.0 KiB"] * 5)


class Ends(BatchCase):
    def started(self, *options):
        """A batch with one copy that is through, and one that hangs in a blob."""
        self.two_registries({"done": images.single(1), "hangs": images.single(2, layer_size=800_000)})
        layer = images.single(2, layer_size=800_000).document["layers"][0]["digest"]
        self.source.rule("GET", f"/blobs/{layer}", faults.Throttle(50_000))
        talk = Talk(self, *options)
        talk.ask(**self.request("done"))
        self.assertEqual(talk.answer()["status"], "copied")
        talk.ask(**self.request("hangs", id="hangs"))
        process.wait_until(lambda: any(r.body_sent > 10_000 for r in self.source.requests("GET", layer)), what="a transfer")
        return talk

    def test_signals(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number.name):
                talk = self.started()
                talk.child.send_signal(number)
                ended, left = talk.leave()
                self.assertEqual(ended, code)
                self.assertEqual([(r["id"], r["status"], r["error"]["class"], r["error"]["exit_code"]) for r in left],
                                 [("hangs", "failed", "cancelled", code)])
                self.assertIn(f"stopped by {number.name}", talk.complaints())
                process.wait_until(lambda: not self.destination.open_uploads(), 3, what="cancelled sessions")
                self.assertEqual(self.program.leftovers(), [])

    def test_a_signal_while_it_waits_for_a_line(self):
        talk = Talk(self)
        talk.ask(source="x")
        self.assertEqual(talk.answer()["status"], "failed")
        talk.child.send_signal(signal.SIGTERM)
        self.assertEqual(talk.leave(), (143, []))

    def test_the_time_of_the_run(self):
        talk = self.started("--timeout", "2s")
        code, left = talk.leave()
        self.assertEqual(code, TEMPORARY)
        self.assertEqual([(r["id"], r["error"]["class"]) for r in left], [("hangs", "temporary")])
        self.assertIn("--timeout", talk.complaints())

    def test_the_time_of_one_copy(self):
        self.two_registries({f"v{n}": images.single(n) for n in range(4)})
        layer = images.single(2).document["layers"][0]["digest"]
        self.source.rule("GET", f"/blobs/{layer}", faults.Stall())
        records = self.batch([self.request(f"v{n}", timeout="1s" if n == 2 else 600) for n in range(4)], code=PARTIAL)
        self.assertEqual([records[n]["status"] for n in range(1, 5)], ["copied", "copied", "failed", "copied"])
        error = records[3]["error"]
        self.assertEqual((error["class"], error["exit_code"]), ("temporary", TEMPORARY))
        self.assertIn("the time for this copy", error["message"])
        self.assert_no_open_uploads(self.destination)

    def test_standard_output_fails(self):
        self.two_registries({f"v{n}": images.single(n) for n in range(40)})
        lines = "\n".join(json.dumps(self.request(f"v{n}")) for n in range(40)).encode()
        with open("/dev/full", "w") as full:
            done = subprocess.run([self.program.binary, "copy", "--batch", "-", "--jobs", "1"], input=lines, stdout=full,
                                  env=self.program.environment(), stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, LOCAL, done.stderr)
        self.assertLess(len(self.destination.repository("b").tags), 12, "it stops when nobody can read the results")

    def test_a_reader_that_goes_away(self):
        self.two_registries({"v1": images.single(1)})
        talk = Talk(self)
        talk.ask(**self.request("v1"))
        talk.answer()
        reader = process.spawn([self.program.binary, "copy", "--batch", "-", "--progress", "none"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.program.environment())
        reader.stdout.close()
        reader.stdin.write(json.dumps(self.request("v1")).encode() + b"\n")
        reader.stdin.flush()
        self.assertEqual(reader.wait(WAIT), LOCAL)  # with standard input still open
        self.assertIn(b"write to standard output", reader.stderr.read())
        reader.stdin.close()
        reader.stderr.close()
        self.assertEqual(talk.end()[0], OK)


if __name__ == "__main__":
    unittest.main()
