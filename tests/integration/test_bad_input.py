"""Bad input: one clear line, the documented exit code, the destination as it was."""

import json
import unittest

from support import client, faults, images
from support.case import INTEGRITY, NOT_FOUND, PROTOCOL, USAGE, Case, at

LIMIT = 4 << 20  # bytes of a manifest
ANY_MANIFEST = "/manifests/"


class OneLine(Case):
    """Errors that need no server: exactly one line, no stack of causes."""

    def one_line(self, codes, source, destination="oci:out:v1", words=(), **more):
        result = self.refuse_copy(codes, source, destination, words=words, **more)
        self.assertEqual(len(result.stderr.splitlines()), 1, result)
        self.assertFalse((self.program.home / "out").exists(), "nothing may be created")
        return result

    def test_transports_that_we_do_not_have(self):
        for name in ("docker-daemon:alpine", "containers-storage:alpine", "docker-archive:x.tar", "dir:/x", "ostree:x",
                     "ocidir://x", "oci://registry/x"):
            with self.subTest(name=name):
                self.one_line(USAGE, name, words="oci:")
                self.one_line(USAGE, "alpine", name, words="oci:")

    def test_malformed_references_name_the_position(self):
        for text in ("docker://", "docker:///x", "docker://host:5000/", "docker://host:99999/x", "docker://h/UPPER:1", "docker://h/x:",
                     "docker://h/x:.bad", "docker://h/x@sha256:abc", "docker://h/x@sha256:" + "G" * 64, "docker://h/x@md5:" + "0" * 32,
                     "docker://h/a//b", "docker://h/../b", "docker://h/x y", "docker://h/x:" + "t" * 129,
                     "docker://[::1/x", "docker://h/" + "a" * 256, "https://h/x", "docker://user:pw@h/x", "h/x:\x1b[31m"):
            with self.subTest(text=text):
                self.one_line(USAGE, text)
        self.one_line(USAGE, "docker://host:5000/repo:.bad", words=('"host:5000/repo:.bad"', "position 16"))

    def test_paths(self):
        self.one_line(USAGE, "oci:")
        self.one_line(USAGE, "oci-archive:")
        self.one_line(NOT_FOUND, "oci:/nonexistent/dir:v1", words="/nonexistent/dir")
        self.one_line(NOT_FOUND, "oci-archive:/nonexistent/file.tar:v1", words="/nonexistent")
        self.one_line((5, 7, 9, 11), f"oci:{self.directory}:v1", words=str(self.directory))

    def test_an_error_as_json(self):
        result = self.program.run("copy", "--output", "json", "oci:/nonexistent/dir:v1", "oci:out:v1")
        self.assertEqual(result.exit_code, NOT_FOUND, result)
        error = result.json["error"]
        self.assertEqual(error["exit_code"], NOT_FOUND)
        self.assertIn("/nonexistent/dir", error["message"])
        self.assertRegex(error["class"], r"^[a-z_]+$")


class Served(Case):
    """What a registry sends. The destination holds an old image under the tag, and must keep it."""

    def setUp(self):
        super().setUp()
        self.old, self.image = images.single("old"), images.multi_arch()
        self.source = self.scripted()
        self.source.load(self.image, "a", "v1")
        self.destination = self.scripted(mount="real")
        self.destination.load(self.old, "b", "v1")

    def refused(self, codes, words=(), options=(), **more):
        result = self.refuse_copy(codes, at(self.source, "a", "v1"), at(self.destination, "b", "v1"), *options, words=words,
                                  timeout=60, **more)
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})
        self.assert_no_open_uploads(self.destination)
        return result

    def serve(self, body, content_type=images.OCI_MANIFEST, **headers):
        self.source.rules.clear()
        self.source.rule("GET|HEAD", ANY_MANIFEST, faults.json_answer(body, content_type=content_type, **headers))

    def test_html(self):
        self.source.rule("GET|HEAD", ANY_MANIFEST, faults.html())
        self.refused(PROTOCOL, words="html")

    def test_html_from_the_destination(self):
        self.destination.rule("*", "/", faults.html())
        self.refused(PROTOCOL)

    def test_things_that_are_no_manifest(self):
        layer = {"mediaType": images.OCI_LAYER, "digest": images.digest_of(b"x"), "size": 1}
        config = {"mediaType": images.OCI_CONFIG, "digest": images.digest_of(b"c"), "size": 1}
        good = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": config, "layers": [layer]}
        cases = {
            "empty": b"",
            "truncated": images.to_json(good)[:-5],
            "array": b"[]",
            "number": b"7",
            "trailing": images.to_json(good) + b"x",
            "not utf-8": images.to_json(good).replace(b'"size"', b'"si\xff"'),
            "byte order mark": b"\xef\xbb\xbf" + images.to_json(good),
            "version 3": images.to_json({**good, "schemaVersion": 3}),
            "no layers type": images.to_json({**good, "layers": {}}),
            "both kinds": images.to_json({**good, "manifests": []}),
            "another type": images.to_json({**good, "mediaType": images.OCI_INDEX}),
            "negative size": images.to_json({**good, "layers": [{**layer, "size": -1}]}),
            "fractional size": images.to_json(good).replace(b'"size":1', b'"size":1.5'),
            "giant size": images.to_json(good).replace(b'"size":1', b'"size":18446744073709551616'),
            "climbing digest": images.to_json({**good, "layers": [{**layer, "digest": "sha256:../../etc/passwd"}]}),
            "upper-case digest": images.to_json({**good, "layers": [{**layer, "digest": layer["digest"].upper()}]}),
            "duplicate key": images.to_json(good).replace(b'"layers":', b'"layers":[],"layers":'),
            "two sizes": images.to_json({**good, "layers": [layer, {**layer, "size": 2}]}),
        }
        for name, body in cases.items():
            with self.subTest(case=name):
                self.serve(body)
                self.refused((INTEGRITY, PROTOCOL))

    def test_json_bombs(self):
        for body in (b"[" * 100_000, b'{"a":' * 100_000, b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"):
            self.serve(body)
            self.refused(PROTOCOL)

    def test_a_manifest_over_the_limit(self):
        self.serve(b'{"schemaVersion":2,"x":"' + b"a" * LIMIT + b'"}')
        self.refused(PROTOCOL, words="MiB")

    def test_an_endless_manifest(self):
        rule = self.source.rule("GET", ANY_MANIFEST, faults.ReplaceBody(b"x" * (64 << 20)))
        self.source.rule("GET", ANY_MANIFEST, faults.Chunked())
        self.refused(PROTOCOL)
        self.assertGreaterEqual(rule.hits, 1)
        sent = [request.body_sent for request in self.source.requests("GET", ANY_MANIFEST)]
        self.assertLess(max(sent), 48 << 20, "the body was read to its end")

    def test_schema_1(self):
        old = images.schema1()
        self.source.load(old, "a", "v1")
        self.refused(PROTOCOL, words="schema 1")

    def test_a_manifest_that_is_not_what_the_index_says(self):
        child = self.image.document["manifests"][1]["digest"]
        self.source.rule("GET", child, faults.ReplaceBody(images.single("evil").bytes))
        self.refused(INTEGRITY, words=child)

    def test_a_pin_beats_the_header(self):
        evil = images.single("evil")
        self.source.rule("GET", ANY_MANIFEST, faults.ReplaceBody(evil.bytes))
        self.refuse_copy(INTEGRITY, at(self.source, "a", self.image.digest), at(self.destination, "b", "v1"))
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})

    def test_a_missing_child_and_a_missing_blob(self):
        child = self.image.document["manifests"][2]["digest"]
        del self.source.repository("a").manifests[child]
        self.refused(NOT_FOUND, words=child)
        self.source.load(self.image, "a", "v1")
        blob = next(iter(self.image.blobs))
        del self.source.repository("a").blobs[blob]
        self.refused(NOT_FOUND, words=blob)

    def test_an_index_nested_too_deep(self):
        self.source.load(images.nested(40), "a", "v1")
        self.refused(PROTOCOL, words="deep")

    def test_an_index_that_contains_itself(self):
        """Only possible by a lie: the bytes can't hash to their own content."""
        digest = images.digest_of(b"cycle")
        loop = images.index_of([images.Image({"mediaType": images.OCI_INDEX, "digest": digest, "size": 300})])
        self.source.load(loop, "a", "v1")
        self.source.repository("a").manifests[digest] = loop.manifests[loop.digest]
        self.refused((INTEGRITY, PROTOCOL))

    def test_sizes_that_lie(self):
        for change in (-1, 1, 1 << 40):
            with self.subTest(change=change):
                image = images.single(f"lie {change}")
                document = image.document
                document["layers"][1]["size"] += change
                image.manifests.clear()
                image.add_manifest(images.OCI_MANIFEST, document)
                self.source.load(image, "a", "v1")
                self.refused(INTEGRITY, words=document["layers"][1]["digest"])

    def test_terminal_escapes_in_remote_text(self):
        """check_run() looks for them as they are; here they are found in a form that does no harm."""
        body = json.dumps({"errors": [{"code": "DENIED", "message": "\x1b]0;owned\x07 \u202e no \x9b31m"}]}).encode()
        self.source.rule("GET", ANY_MANIFEST, faults.json_answer(body, code=403))  # a HEAD would be refused without a body
        self.refused(8, words=(r"\x1b]0;owned\x07", r"\u{202e}", r"\x9b31m"))

    def test_denied_and_odd_answers(self):
        for status, codes in ((403, 8), (404, 5), (400, (8, 9)), (418, 9), (501, 9), (401, 4)):
            with self.subTest(status=status):
                self.source.rules.clear()
                rule = self.source.rule("GET|HEAD", ANY_MANIFEST, faults.status(status))
                self.refused(codes)
                self.assertLessEqual(rule.hits, 3, "no answer of this kind is tried again and again")

    def test_a_locations_that_is_missing_or_leads_away(self):
        self.destination.rule("POST", "/uploads/", faults.SetHeader(Location=None))
        self.refuse_copy(PROTOCOL, at(self.source, "a", "v1"), at(self.destination, "b", "v1"))
        self.destination.rules.clear()
        for location in ("http://169.254.169.254/latest", "ftp://127.0.0.1/x", "http://[", "javascript:1", "http://"):
            with self.subTest(location=location):
                self.destination.rules.clear()
                self.destination.rule("POST", "/uploads/", faults.SetHeader(Location=location))
                self.refuse_copy((6, 8, 9), at(self.source, "a", "v1"), at(self.destination, "b", "v1"),
                                 "--retries", "0", "--connect-timeout", "1s", timeout=30)
        self.assertEqual(self.destination.repository("b").tags, {"v1": self.old.digest})

    def test_redirects_that_lead_nowhere(self):
        blob = f"/v2/a/blobs/{next(iter(self.image.blobs))}"
        for location in (f"{self.source.url}{blob}", "", "gopher://127.0.0.1/"):
            with self.subTest(location=location):
                self.source.rules.clear()
                self.source.rule("GET", blob, faults.status(307, Location=location))
                self.refused(PROTOCOL)

    def test_unknown_types_arrive_as_bytes(self):
        image = images.unknown_type()
        self.source.load(image, "a", "v2")
        self.copy(at(self.source, "a", "v2"), at(self.destination, "b", "v2"))
        talk = client.RegistryClient(self.destination.url)
        self.assertEqual(talk.manifest("b", "v2"), image.manifests[image.digest])


if __name__ == "__main__":
    unittest.main()
