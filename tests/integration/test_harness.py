"""The harness itself: the scripted registry agrees with a real one, faults happen, the oracle can fail."""

import json
import os
import signal
import socket
import tempfile
import unittest
import urllib.parse

from support import client, faults, images, oracle, process
from support.registry import DockerRegistry
from support.scripted import ScriptedRegistry
from support.token_server import TokenServer

CANARY = "s3cr3t-canary"


class ScriptedAgainstReal(unittest.TestCase):
    def test_every_kind_of_image_goes_in_and_comes_out(self):
        kinds = {
            "single": images.single(),
            "multi": images.multi_arch(),
            "docker": images.multi_arch(docker=True),
            "nested": images.nested(4),
            "artifact": images.artifact(),
            "empty": images.with_empty_blob(),
            "odd": images.with_odd_bytes(),
            "duplicates": images.with_duplicate_layers(),
        }
        with DockerRegistry() as real, ScriptedRegistry(location="absolute", mount="real") as scripted:
            for registry in (real, scripted):
                talk = client.RegistryClient(registry.url)
                for name, image in kinds.items():
                    with self.subTest(kind=name, registry=type(registry).__name__):
                        talk.push(image, f"kinds/{name}", "latest")
                        closure = oracle.verify_registry(talk, f"kinds/{name}")
                        self.assertEqual(closure.digest, image.digest)
                        self.assertEqual(closure.digests, set(image.manifests) | set(image.blobs))
            self.assertEqual(scripted.open_uploads(), [])
            self.assertEqual(oracle.verify_storage(real, "kinds/multi").digest, kinds["multi"].digest)

    def test_the_same_answers(self):
        image = images.single()
        blob = next(iter(image.blobs))
        absent = images.digest_of(b"absent")
        questions = [
            ("GET", "/v2/", None, {}),
            ("HEAD", f"/v2/a/b/blobs/{blob}", None, {}),
            ("HEAD", f"/v2/a/b/blobs/{absent}", None, {}),
            ("GET", f"/v2/a/b/blobs/{blob}", None, {"Range": "bytes=3-9"}),
            ("GET", f"/v2/a/b/blobs/{blob}", None, {"Range": "bytes=99999999-"}),
            ("GET", "/v2/a/b/manifests/none", None, {}),
            ("GET", f"/v2/a/b/referrers/{image.digest}", None, {}),
            ("POST", f"/v2/c/d/blobs/uploads/?mount={blob}&from=a%2Fb", b"", {}),
            ("POST", f"/v2/c/d/blobs/uploads/?mount={absent}&from=a%2Fb", b"", {}),
            ("POST", f"/v2/a/b/blobs/uploads/?mount={blob}&from=a%2Fb", b"", {}),
            ("PUT", "/v2/e/f/manifests/t", image.bytes, {"Content-Type": images.OCI_MANIFEST}),
        ]
        everything = range(100, 600)
        with DockerRegistry() as real, ScriptedRegistry(mount="real") as scripted:
            talks = [client.RegistryClient(registry.url) for registry in (real, scripted)]
            for talk in talks:
                talk.push(image, "a/b", "latest")
            for method, target, body, headers in questions:
                with self.subTest(question=f"{method} {target}"):
                    first, second = (talk.request(method, target, body, headers, everything) for talk in talks)
                    self.assertEqual(first[0], second[0])
                    for name in ("Docker-Content-Digest", "Content-Range"):
                        if first[0] < 400 and name in first[1]:
                            self.assertEqual(first[1][name], second[1][name])
                    if first[0] in (200, 206):
                        self.assertEqual(first[2], second[2])

    def test_upload_sessions(self):
        """A stale Location is refused, a status gives a fresh one, DELETE cancels."""
        with DockerRegistry() as real, ScriptedRegistry() as scripted:
            for registry in (real, scripted):
                with self.subTest(registry=type(registry).__name__):
                    talk = client.RegistryClient(registry.url)

                    def path(headers):
                        parts = urllib.parse.urlsplit(headers["Location"])
                        return f"{parts.path}?{parts.query}"

                    _, headers, _ = talk.request("POST", "/v2/up/blobs/uploads/", b"", expect=(202,))
                    _, later, _ = talk.request("PATCH", path(headers), b"abc", expect=(202,))
                    self.assertEqual(later["Range"], "0-2")
                    _, status, _ = talk.request("GET", path(later), expect=(204,))
                    self.assertEqual(status["Range"], "0-2")
                    talk.request("DELETE", path(status), expect=(204,))
                    talk.request("GET", path(status), expect=(404,))


class Faults(unittest.TestCase):
    def setUp(self):
        self.registry = ScriptedRegistry()
        self.addCleanup(self.registry.stop)
        self.image = images.single(layer_size=200_000, layers=1)
        self.registry.load(self.image, "r", "latest")
        self.blob = max(self.image.blobs, key=lambda digest: len(self.image.blobs[digest]))
        self.talk = client.RegistryClient(self.registry.url)

    def get(self, **headers):
        return self.talk.request("GET", f"/v2/r/blobs/{self.blob}", headers=headers, expect=range(100, 600))

    def test_a_rule_hits_the_nth_request_only(self):
        rule = self.registry.rule("GET", "/blobs/", faults.too_many(3), nth=2)
        self.assertEqual([self.get()[0] for _ in range(3)], [200, 429, 200])
        self.assertEqual((rule.seen, rule.hits), (3, 1))

    def test_cut_resets_after_the_byte(self):
        self.registry.rule("GET", "/blobs/", faults.Cut(1000), times=1)
        with self.assertRaises((ConnectionResetError, __import__("http.client").client.IncompleteRead)):
            self.get()
        self.assertEqual(self.registry.journal[-1].body_sent, 1000)
        status, headers, data = self.get(Range="bytes=1000-")
        self.assertEqual(status, 206)
        self.assertEqual(data, self.image.blobs[self.blob][1000:])
        self.assertIn("bytes 1000-", headers["Content-Range"])

    def test_range_modes(self):
        for mode, status in (("ignored", 200), ("refused", 416), ("wrong", 206)):
            self.registry.behaviour.range = mode
            self.assertEqual(self.get(Range="bytes=10-")[0], status)

    def test_flip_and_resize(self):
        self.registry.rule("GET", "/blobs/", faults.Flip(), nth=1)
        self.registry.rule("GET", "/blobs/", faults.Resize(-5), nth=2)
        self.registry.rule("GET", "/blobs/", faults.Resize(7), nth=3)
        self.registry.rule("GET", "/blobs/", faults.Chunked(), nth=4)
        right = self.image.blobs[self.blob]
        bodies = [self.get()[2] for _ in range(4)]
        self.assertEqual(len(bodies[0]), len(right))
        self.assertNotEqual(bodies[0], right)
        self.assertEqual([len(body) - len(right) for body in bodies[1:3]], [-5, 7])
        self.assertEqual(bodies[3], right)

    def test_an_upload_that_breaks_is_counted(self):
        _, headers, _ = self.talk.request("POST", "/v2/r/blobs/uploads/", b"", expect=(202,))
        with socket.create_connection((self.registry.server.address, self.registry.port)) as connection:
            target = f"{headers['Location']}&digest={self.blob}"
            connection.sendall(f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 600)
        upload = process.wait_until(lambda: next((u for u in self.registry.uploads.values() if u.broken), None))
        self.assertEqual((upload.received, upload.declared, upload.state), (600, 1000, "open"))
        self.assertEqual(self.registry.open_uploads(), [upload])

    def test_reply_dropped_after_effect(self):
        self.registry.rule("PUT", "/manifests/", faults.DropReply(), times=1)
        other = images.single(2)
        for digest, data in other.blobs.items():
            self.talk.put_blob("r", digest, data)
        with self.assertRaises(ConnectionError):
            self.talk.put_manifest("r", "new", *other.manifests[other.digest])
        self.assertEqual(self.registry.repository("r").tags["new"], other.digest)

    def test_redirected_blobs_show_leaks(self):
        with ScriptedRegistry(redirect_blobs=True, basic=("u", CANARY)) as registry:
            registry.load(self.image, "r", "latest")
            talk = client.RegistryClient(registry.url, "u", CANARY)
            self.assertEqual(talk.blob("r", self.blob), self.image.blobs[self.blob])
            self.assertEqual([request.headers.get("Authorization") for request in registry.elsewhere.journal], [None])
            self.assertIn("signature=", registry.elsewhere.journal[0].target)

    def test_pages(self):
        with ScriptedRegistry(page_size=2, referrers=True, referrers_page=2) as registry:
            registry.load(self.image, "r", "a", "b", "c")
            for seed in range(3):
                registry.load(images.referrer(self.image, seed), "r")
            talk = client.RegistryClient(registry.url)
            for path, key in (("tags/list", "tags"), (f"referrers/{self.image.digest}", "manifests")):
                target, found = f"/v2/r/{path}", []
                while target:
                    _, headers, data = talk.request("GET", target)
                    found += json.loads(data)[key]
                    target = (headers.get("Link") or "").partition(">")[0].lstrip("<")
                self.assertEqual(len(found), 3)

    def test_stall_ends_with_the_server(self):
        self.registry.rule("GET", "/blobs/", faults.Stall(10))
        with socket.create_connection((self.registry.server.address, self.registry.port), timeout=5) as connection:
            connection.sendall(f"GET /v2/r/blobs/{self.blob} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            process.wait_until(lambda: self.registry.journal and self.registry.journal[-1].body_sent == 10)


class Oracle(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.layout = directory.name + "/layout"
        self.image = images.multi_arch()
        images.write_layout(self.image, self.layout)

    def blob_file(self, digest):
        return f"{self.layout}/blobs/{digest.replace(':', '/')}"

    def test_whole(self):
        self.assertEqual(oracle.verify_layout(self.layout).digest, self.image.digest)

    def test_a_missing_blob_is_found(self):
        os.remove(self.blob_file(next(iter(self.image.blobs))))
        self.assertRaisesRegex(oracle.NotWhole, "missing", oracle.verify_layout, self.layout)

    def test_a_changed_bit_is_found(self):
        path = self.blob_file(next(iter(self.image.blobs)))
        with open(path, "r+b") as blob:
            first = blob.read(1)
            blob.seek(0)
            blob.write(bytes([first[0] ^ 1]))
        self.assertRaisesRegex(oracle.NotWhole, "hash", oracle.verify_layout, self.layout)

    def test_a_missing_child_is_found(self):
        child = self.image.document["manifests"][1]["digest"]
        os.remove(self.blob_file(child))
        self.assertRaisesRegex(oracle.NotWhole, "missing", oracle.verify_layout, self.layout)

    def test_a_registry_that_lost_a_blob(self):
        with DockerRegistry() as registry:
            talk = client.RegistryClient(registry.url)
            talk.push(self.image, "x", "latest")
            talk.delete_blob("x", next(iter(self.image.blobs)))
            self.assertRaises(oracle.NotWhole, oracle.verify_registry, talk, "x")
            self.assertRaises(oracle.NotWhole, oracle.verify_storage, registry, "x")


class Servers(unittest.TestCase):
    def test_the_access_log_is_read(self):
        with DockerRegistry(users={"u": "p"}) as registry:
            talk = client.RegistryClient(registry.url, "u", "p")
            registry.mark()
            self.assertIsNone(talk.manifest("x", "latest"))
            seen = [(request.method, request.path, request.status) for request in registry.requests()]
            self.assertEqual(seen, [("GET", "/v2/x/manifests/latest", 404)])

    def test_token_server_and_registry_agree(self):
        with TokenServer(users={"u": "p"}, refresh_tokens={"rt": "u"}, grants={"": [("pub/*", "pull")]}) as tokens:
            with DockerRegistry(token=tokens.registry_settings()) as registry:
                layout = os.path.join(os.path.dirname(__file__), "../../examples/hello")
                target = f"docker://{registry.host}/pub/hello:1"
                copied = process.run_tool("skopeo", "copy", "-a", "--dest-creds", "u:p", "--dest-tls-verify=false",
                                          f"oci:{layout}:latest", target)
                self.assertEqual(copied.returncode, 0)
                process.run_tool("skopeo", "inspect", "--tls-verify=false", target)
                denied = process.run_tool("skopeo", "copy", "-a", "--dest-tls-verify=false", f"oci:{layout}:latest",
                                          f"docker://{registry.host}/pub/other:1", check=False)
                self.assertNotEqual(denied.returncode, 0)
            self.assertIn("repository:pub/hello:pull,push", tokens.scopes_asked())
            self.assertIn("", [request.user for request in tokens.journal])

    def test_nothing_outlives_the_registry(self):
        registry = DockerRegistry()
        pid, directory = registry.pid, registry.directory
        registry.stop()
        self.assertRaises(ProcessLookupError, os.kill, pid, signal.SIG_DFL)
        self.assertFalse(directory.exists())


if __name__ == "__main__":
    unittest.main()
