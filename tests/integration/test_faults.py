"""Faults on the wire, on a scripted registry: what recovers arrives whole, what does not leaves the tag and no upload session."""

import json
import time
import unittest

from support import faults, images
from support.case import DENIED, INTEGRITY, PROTOCOL, TEMPORARY, Case, at
from support.wire import Response


class LosesBlob(faults.Fault):
    """Takes all of a blob, once, and has neither the blob nor an answer."""

    def __init__(self, digest):
        self.digest, self.times = digest, 0

    def receive(self, request):
        if self.times or request.argument("digest") != self.digest:
            return None
        self.times += 1
        request.body()
        return Response(drop=True)


class FaultCase(Case):
    SIZE = 1_500_000  # several chunks of any reasonable buffer
    source_options = {}
    destination_options = {}

    def setUp(self):
        super().setUp()
        self.old, self.image = images.single("old"), images.single("new", layers=2, layer_size=self.SIZE)
        self.layer = self.image.document["layers"][1]["digest"]
        self.fresh()

    def fresh(self):
        self.source = self.scripted(**self.source_options)
        self.source.load(self.image, "a", "v1")
        self.destination = self.scripted(**self.destination_options)
        self.destination.load(self.old, "b", "v1")

    def run_copy(self, *options, **more):
        return self.program.run("copy", "--progress", "none", *options, at(self.source, "a", "v1"),
                                at(self.destination, "b", "v1"), **more)

    def arrives(self, *options, **more):
        result = self.run_copy(*options, **more)
        self.assertEqual(result.exit_code, 0, result)
        self.check_run(result)
        self.assert_whole(self.destination, "b", "v1", self.image)
        return result

    def stays_old(self, codes, *options, **more):
        result = self.run_copy(*options, **more)
        self.assertIn(result.exit_code, (codes,) if isinstance(codes, int) else codes, result)
        self.check_run(result)
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})
        self.assert_whole(self.destination, "b", "v1", self.old)
        self.assert_no_open_uploads(self.destination)
        return result

    def then_converges(self):
        """After the fault is gone, a rerun makes it whole."""
        self.source.rules.clear()
        self.destination.rules.clear()
        self.arrives()


class Download(FaultCase):
    def test_a_reset_at_any_byte_resumes_by_range(self):
        size = len(self.image.blobs[self.layer])
        for at_byte in (0, 1, 65_536, size // 2, size - 1):
            with self.subTest(at=at_byte):
                self.fresh()
                self.source.rule("GET", self.layer, faults.Cut(at_byte), nth=1)
                self.arrives()
                gets = self.source.requests("GET", self.layer)
                self.assertEqual(len(gets), 2)
                if at_byte >= 65_536:
                    start = int(gets[1].headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                    self.assertTrue(0 < start <= at_byte, start)
                    self.assertEqual(gets[1].body_sent, size - start, "only the rest is fetched again")

    def test_ranges_that_the_server_does_not_keep(self):
        for mode in ("ignored", "wrong", "refused"):
            with self.subTest(mode=mode):
                self.fresh()
                self.source.behaviour.range = mode
                self.source.rule("GET", self.layer, faults.Cut(700_000), nth=1)
                self.arrives()

    def test_bytes_that_are_not_what_the_digest_says(self):
        size = len(self.image.blobs[self.layer])
        for name, fault in (
            ("flipped bit at the end", faults.Flip(-1)),
            ("flipped bit at the start", faults.Flip(0)),
            ("short, and says so", faults.Resize(-10)),
            ("long", faults.Resize(10)),
            ("short, chunked", faults.ReplaceBody(self.image.blobs[self.layer][:-3])),
        ):
            with self.subTest(fault=name):
                self.fresh()
                self.source.rule("GET", self.layer, fault)
                if "chunked" in name:
                    self.source.rule("GET", self.layer, faults.Chunked())
                self.stays_old(INTEGRITY)
                for upload in self.destination.uploads.values():
                    if upload.digest == self.layer:
                        self.assertLess(upload.received, size, "the last bytes are withheld")
                self.then_converges()

    def test_a_body_that_lies_about_its_length(self):
        self.source.rule("GET", self.layer, faults.Resize(-10, lie=True))
        self.stays_old((TEMPORARY, INTEGRITY), "--retries", "2")

    def test_without_a_length(self):
        self.source.rule("GET", "/blobs/", faults.Chunked())
        self.arrives()

    def test_a_blob_with_a_content_encoding(self):
        self.source.rule("GET", self.layer, faults.SetHeader(Content_Encoding="gzip"))
        self.stays_old(PROTOCOL)

    def test_a_stall_is_given_up(self):
        self.source.rule("GET", self.layer, faults.Stall(500_000), nth=1)
        result = self.arrives("--stall-timeout", "2s", timeout=60)
        self.assertGreater(result.seconds, 1.5)

    def test_headers_that_never_come(self):
        hold = faults.Hold()
        self.source.rule("GET", self.layer, hold)
        result = self.stays_old(TEMPORARY, "--stall-timeout", "1s", "--retries", "1", timeout=60)
        self.assertLess(result.seconds, 30)
        self.assertEqual(len(self.source.requests("GET", self.layer)), 2)
        hold.release()

    def test_the_whole_run_has_a_limit(self):
        self.source.rule("GET", self.layer, faults.Throttle(1000))
        result = self.stays_old(TEMPORARY, "--timeout", "3s", timeout=60)
        self.assertLess(result.seconds, 12)

    def test_the_limit_of_a_run_hides_no_cause(self):
        for side, path, fault in (("source", self.layer, faults.status(503)), ("source", self.layer, faults.too_many(30)),
                                  ("destination", "/blobs/uploads/", faults.status(500))):
            with self.subTest(side=side, status=fault.status):
                self.fresh()
                getattr(self, side).rule("*", path, fault)
                result = self.stays_old(TEMPORARY, "--timeout", "2s", "--retries", "10", timeout=60)
                self.assertIn("--timeout 2", result.stderr)
                self.assertIn(str(fault.status), result.stderr)

    def test_head_without_length_or_not_allowed(self):
        for fault in (faults.status(405), faults.SetHeader(Docker_Content_Digest=None, Content_Length=None)):
            self.fresh()
            self.source.rule("HEAD", "/", fault)
            self.destination.rule("HEAD", "/", fault)
            self.arrives()

    def test_a_wrong_digest_header_on_a_tag(self):
        """The body's hash rules."""
        wrong = images.digest_of(b"something else")
        self.source.rule("GET|HEAD", "/manifests/v1", faults.SetHeader(Docker_Content_Digest=wrong))
        self.arrives()

    def test_a_pinned_digest_beats_the_header(self):
        wrong = images.digest_of(b"something else")
        self.source.rule("GET|HEAD", "/manifests/sha256", faults.SetHeader(Docker_Content_Digest=wrong))
        self.refuse_copy(INTEGRITY, at(self.source, "a", self.image.digest), at(self.destination, "b", "v1"))
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})

    def test_a_tag_that_is_said_to_be_written_and_is_not_there(self):
        """A proxy has answered, say. Where nobody may look, the answer counts."""
        self.destination.rule("PUT", "/manifests/new$", faults.html())
        self.refuse_copy(TEMPORARY, at(self.source, "a", "v1"), at(self.destination, "b", "new"), words="does not have it")
        self.destination.rule("PUT", "/manifests/hidden$", faults.SetHeader(Docker_Content_Digest=None))
        self.destination.rule("GET|HEAD", "/manifests/hidden$", faults.status(403))
        self.copy(at(self.source, "a", "v1"), at(self.destination, "b", "hidden"))
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest, "hidden": self.image.digest})

    def test_a_tag_that_moves_during_the_copy(self):
        other = images.single("third")

        def move(_):
            self.source.load(other, "a", "v1")

        self.source.rule("GET", "/blobs/", faults.Call(move), nth=1)
        self.arrives()

    def test_redirected_blobs(self):
        self.source_options = {"redirect_blobs": True}
        self.fresh()
        self.source.rule("GET", "/store/.*" + self.layer, faults.Cut(700_000), nth=1)
        self.source.rule("GET", "/store/.*" + self.layer, faults.status(403), nth=2)
        self.arrives()


class Throttling(FaultCase):
    SIZE = 5000

    def test_retry_after_is_waited_for(self):
        rule = self.source.rule("GET", self.layer, faults.too_many(2), times=1)
        result = self.arrives()
        self.assertEqual(rule.hits, 1)
        self.assertGreaterEqual(result.seconds, 1.9)

    def test_retry_after_as_a_date(self):
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
        self.source.rule("GET", self.layer, faults.too_many(date), times=1)
        self.assertGreaterEqual(self.arrives().seconds, 1.5)

    def test_retry_after_that_makes_no_sense(self):
        for value in ("-5", "soon", "9223372036854775808", "1e3"):
            with self.subTest(value=value):
                self.fresh()
                self.source.rule("GET", self.layer, faults.too_many(value), times=1)
                self.assertIn(self.run_copy("--timeout", "20s", timeout=60).exit_code, (0, TEMPORARY))

    def test_an_absurd_retry_after_does_not_hold_the_run(self):
        self.source.rule("GET", self.layer, faults.too_many(86400))
        result = self.stays_old(TEMPORARY, "--timeout", "5s", timeout=60)
        self.assertLess(result.seconds, 12)

    def test_bursts_of_errors(self):
        for status in (429, 500, 502, 503, 504, 408):
            with self.subTest(status=status):
                self.fresh()
                for registry in (self.source, self.destination):
                    registry.rule("*", "/manifests/", faults.status(status), times=1)
                    registry.rule("*", "/blobs/", faults.status(status), times=2)
                self.arrives(timeout=90)

    def test_an_error_for_ever(self):
        for registry in ("source", "destination"):
            with self.subTest(registry=registry):
                self.fresh()
                rule = getattr(self, registry).rule("*", "/blobs/", faults.status(503))
                self.stays_old(TEMPORARY, "--retries", "2", timeout=60)
                self.assertLessEqual(rule.hits, 3 * 2 * (len(self.image.blobs) + 1), "tries are bounded")

    def test_nobody_listens(self):
        self.destination.stop()
        result = self.run_copy("--retries", "1", timeout=60)
        self.assertEqual(result.exit_code, TEMPORARY, result)
        self.assertIn(self.destination.host, result.stderr)


class Upload(FaultCase):
    def test_locations_of_every_form(self):
        for form in ("relative", "absolute"):
            for options in ((), ("--chunk-size", "256KiB")):
                with self.subTest(form=form, options=options):
                    self.destination_options = {"location": form}
                    self.fresh()
                    self.arrives(*options)
                    self.assert_no_open_uploads(self.destination)

    def test_a_minimum_for_chunks_is_kept(self):
        self.destination_options = {"chunk_min": 500_000}
        self.fresh()
        self.arrives("--chunk-size", "64KiB")
        sizes = {}
        for request in self.destination.requests("PATCH", "/uploads/"):
            sizes.setdefault(request.path, []).append(request.body_received)
        self.assertTrue(sizes)
        for chunks in sizes.values():
            self.assertTrue(all(size >= 500_000 for size in chunks[:-1]), chunks)

    def within_one_registry(self):
        """Source and destination are repositories of one registry, so that the first POST is a mount."""
        self.destination_options = {"mount": "real"}
        self.fresh()
        self.destination.load(self.image, "a", "v1")
        self.source = self.destination

    def test_mounts_that_are_refused(self):
        self.destination_options = {"mount": "refuse"}
        self.fresh()
        self.arrives()
        for status in (400, 403, 404, 405, 500):
            with self.subTest(status=status):
                self.within_one_registry()
                rule = self.destination.rule("POST", "/uploads/", faults.status(status), nth=1)
                self.arrives("--jobs", "1", timeout=60)
                self.assertEqual(rule.hits, 1)
                self.assertIsNotNone(self.destination.requests("POST", "/uploads/")[0].argument("mount"))

    def test_a_reset_in_the_body(self):
        for after in (0, 1, 700_000):
            with self.subTest(after=after):
                self.fresh()
                self.destination.rule("PUT", "/uploads/", faults.ResetOnRequest(after), nth=1)
                self.arrives(timeout=60)

    def test_replies_that_are_lost(self):
        for method, path in (("POST", "/uploads/"), ("PUT", "/uploads/"), ("PUT", "/manifests/")):
            with self.subTest(request=f"{method} {path}"):
                self.fresh()
                self.destination.rule(method, path, faults.DropReply(), nth=1)
                self.arrives(timeout=60)

    def test_a_session_that_is_gone(self):
        for status in (404, 416):
            with self.subTest(status=status):
                self.fresh()
                self.destination.rule("PUT|PATCH", "/uploads/", faults.status(status), nth=1)
                self.arrives("--chunk-size", "256KiB", timeout=60)

    def test_an_early_refusal(self):
        for status, codes in ((413, DENIED), (403, DENIED), (507, DENIED)):
            with self.subTest(status=status):
                self.fresh()
                self.destination.rule("PUT", "/uploads/", faults.Answer(status, b"{}", early=True))
                self.stays_old(codes, timeout=60)

    def test_a_registry_that_is_read_only(self):
        self.destination.rule("POST|PUT|PATCH|DELETE", "/v2/", faults.status(405))
        self.assertIn("takes no pushes", self.stays_old(DENIED).stderr)

    def test_a_manifest_that_is_refused(self):
        for status, codes in ((400, (DENIED, PROTOCOL)), (403, DENIED), (409, DENIED)):
            with self.subTest(status=status):
                self.fresh()
                self.destination.rule("PUT", "/manifests/v1", faults.status(status))
                self.stays_old(codes, timeout=60)

    def test_a_lost_reply_and_a_blob_of_another_length(self):
        """The registry has nothing of what the PUT brought, and something else under the digest."""
        self.destination_options = {"complete": False}
        self.fresh()
        lost = LosesBlob(self.layer)
        self.destination.rule("PUT", "/uploads/", lost)
        seen = self.destination.rule("HEAD", self.layer, faults.Answer(200, b"7 bytes"), nth=2)
        self.arrives(timeout=60)
        self.assertEqual((lost.times, seen.hits), (1, 1))

    def test_a_signed_location_that_has_run_out(self):
        """Storage elsewhere refuses what the registry had signed: a new session is worth a try."""
        storage = self.scripted()
        refused = storage.rule("PUT", "/signed", faults.status(403))
        self.destination.rule("POST", "/uploads/", faults.SetHeader(Location=f"{storage.url}/signed?until=now"), nth=1)
        self.arrives(timeout=60)
        self.assertEqual(refused.hits, 1)

    def test_a_lost_reply_to_a_tag_and_what_somebody_else_wrote_since(self):
        """What was written is not written again before the tag was looked at."""
        self.destination.rule("PUT", "/manifests/v1", faults.DropReply(), nth=1)
        self.arrives(timeout=60)
        asked = [request.method for request in self.destination.requests(path="/manifests/v1")]
        self.assertEqual(asked, ["HEAD", "PUT", "HEAD"])

    def test_an_immutable_tag_with_the_same_digest(self):
        self.destination.load(self.image, "b", "v1")
        refusal = self.destination.rule("PUT", "/manifests/v1", faults.status(409))
        self.arrives("--overwrite", "always", timeout=60)
        self.assertEqual(refusal.hits, 1)

    def test_a_mount_that_did_not_happen(self):
        """201 to the mount, but the blob is not there: the manifest PUT tells, the blob is uploaded."""
        self.within_one_registry()
        rule = self.destination.rule("POST", "/uploads/", faults.Answer(201, b"", Location="/v2/b/blobs/x"), nth=1)
        self.arrives("--jobs", "1", timeout=60)
        self.assertEqual(rule.hits, 1)

    def test_a_hostile_destination_never_gets_the_last_bytes(self):
        """It accepts any digest; the source sends a wrong blob."""
        self.destination_options = {"verify": False}
        size = len(self.image.blobs[self.layer])
        for options in ((), ("--chunk-size", "256KiB"), ("--jobs", "1")):
            with self.subTest(options=options):
                self.fresh()
                self.source.rule("GET", self.layer, faults.Flip(size // 2))
                self.stays_old(INTEGRITY, *options)
                self.assertNotIn(self.layer, self.destination.repository("b").blobs)
                for upload in self.destination.uploads.values():
                    if upload.state != "committed":
                        self.assertLess(upload.received, size)

    def test_cancelled_sessions_are_asked_for_their_location(self):
        self.source.rule("GET", self.layer, faults.Flip())
        self.stays_old(INTEGRITY)
        deletes = self.destination.requests("DELETE", "/uploads/")
        self.assertTrue(deletes)
        for delete in deletes:
            status = [r for r in self.destination.requests("GET", "/uploads/") if r.path == delete.path]
            self.assertTrue(status and status[-1].number < delete.number)

    def test_a_destination_that_stalls(self):
        hold = faults.Hold()
        self.destination.rule("PUT", "/uploads/", hold, nth=1)
        result = self.run_copy("--stall-timeout", "1s", timeout=60)
        hold.release()
        self.assertIn(result.exit_code, (0, TEMPORARY), result)
        self.assertLess(result.seconds, 30)

    def test_order_of_writes(self):
        """Blobs, then children by digest, then the root by tag, last."""
        self.image = images.nested(3)
        self.fresh()
        self.arrives()
        writes = [request for request in self.destination.requests() if request.status == 201]
        kinds = ["manifest" if "/manifests/" in request.path else "blob" for request in writes]
        self.assertEqual(kinds, sorted(kinds))
        self.assertEqual(writes[-1].path, "/v2/b/manifests/v1")
        self.assertEqual([r.path for r in writes if r.path.endswith("/v1")], ["/v2/b/manifests/v1"])
        manifests = [r.path.rpartition("/")[2] for r in writes if "/manifests/" in r.path][:-1] + [self.image.digest]
        self.assertEqual(set(manifests), set(self.image.manifests))
        for number, digest in enumerate(manifests):
            children = [child["digest"] for child in json.loads(self.image.manifests[digest][1]).get("manifests", [])]
            self.assertLessEqual(set(children), set(manifests[:number]), "a parent before its child")


if __name__ == "__main__":
    unittest.main()
