"""In its benign mode the hostile registry answers as Debian's docker-registry does: the same script of requests goes to both, and
statuses, error codes and the headers that a client acts on are compared, step by step. And its faults and its door work."""

import json
import pathlib
import random
import re
import sys
import unittest
import urllib.parse

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from proxy import BadLine  # noqa: E402
from registry import HostileRegistry, Redirect, SecondOrigin  # noqa: E402
from support import client, faults, images  # noqa: E402
from support.registry import DockerRegistry  # noqa: E402

EVERYTHING = range(100, 600)
COMPARED = ("Docker-Content-Digest", "Content-Range", "Range", "Content-Type", "OCI-Subject", "Link")
UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


class Script:
    """The requests, and what of their answers is to be the same."""

    def __init__(self, url):
        self.talk = client.RegistryClient(url)
        self.seen = []
        self.location = ""

    def ask(self, name, method, target, body=None, **headers):
        status, received, data = self.talk.request(method, target, body, {key.replace("_", "-"): value
                                                                          for key, value in headers.items()}, EVERYTHING)
        answer = {"step": name, "status": status}
        if status < 400:
            answer |= {header: received.get(header).partition(";")[0] for header in COMPARED if received.get(header)}
            if method == "GET" and "blobs/uploads" not in target:
                answer["body"] = json.loads(data) if "json" in received.get("Content-Type", "") else data
        elif status != 416:  # docker-registry 2.8.2 announces the blob's length there, and sends an error that is shorter
            answer["codes"] = self.codes(data) if method != "HEAD" else []
        if received.get("Location"):
            self.location = self.path(received["Location"])
            answer["Location"] = UUID.sub("UUID", self.location.partition("?")[0])
        self.seen.append(answer)
        return received

    @staticmethod
    def codes(data):
        try:
            return [entry["code"] for entry in json.loads(data)["errors"]]
        except (ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def path(location):
        parts = urllib.parse.urlsplit(location)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def closing(self, location, digest):
        return f"{location}{'&' if '?' in location else '?'}digest={urllib.parse.quote(digest)}"

    def uploads(self, data):
        digest, wrong = images.digest_of(data), images.digest_of(b"wrong")
        start = "/v2/a/b/blobs/uploads/"
        self.ask("start", "POST", start, b"")
        first = self.location
        self.ask("status", "GET", first)
        self.ask("first chunk", "PATCH", first, data[:100], Content_Range="0-99")
        second = self.location
        self.ask("status behind a chunk", "GET", second)
        self.ask("second chunk", "PATCH", self.location, data[100:], Content_Range=f"100-{len(data) - 1}")
        self.ask("close", "PUT", self.closing(self.location, digest), b"")
        self.ask("closed session", "GET", second)
        self.ask("start another", "POST", start, b"")
        self.ask("whole body", "PUT", self.closing(self.location, digest), data)
        self.ask("start a third", "POST", start, b"")
        self.ask("wrong digest", "PUT", self.closing(self.location, wrong), data)
        self.ask("start a fourth", "POST", start, b"")
        used = self.location
        self.ask("a chunk", "PATCH", used, data[:10])
        fresh = self.location
        self.ask("a stale Location", "PATCH", used, data[10:20])
        self.ask("cancel", "DELETE", fresh)
        self.ask("cancelled", "GET", fresh)
        self.ask("no such session", "GET", f"{start}{'0' * 8}-0000-4000-8000-{'0' * 12}")

    def blobs(self, digest, size):
        absent = images.digest_of(b"absent")
        self.ask("blob", "GET", f"/v2/a/b/blobs/{digest}")
        self.ask("head blob", "HEAD", f"/v2/a/b/blobs/{digest}")
        self.ask("part", "GET", f"/v2/a/b/blobs/{digest}", Range="bytes=3-9")
        self.ask("rest", "GET", f"/v2/a/b/blobs/{digest}", Range=f"bytes={size - 5}-")
        self.ask("beyond", "GET", f"/v2/a/b/blobs/{digest}", Range=f"bytes={size}-")
        self.ask("absent blob", "GET", f"/v2/a/b/blobs/{absent}")
        self.ask("absent head", "HEAD", f"/v2/a/b/blobs/{absent}")
        self.ask("mount", "POST", f"/v2/c/d/blobs/uploads/?mount={digest}&from=a%2Fb", b"")
        self.ask("mount of nothing", "POST", f"/v2/c/d/blobs/uploads/?mount={absent}&from=a%2Fb", b"")
        self.ask("mount from nowhere", "POST", f"/v2/c/d/blobs/uploads/?mount={absent}&from=no%2Fwhere", b"")

    def manifests(self, image, other):
        tag, digest = "/v2/a/b/manifests/t", f"/v2/a/b/manifests/{image.digest}"
        kind = {"Content_Type": images.OCI_MANIFEST}
        accept = {"Accept": client.ACCEPT}
        self.ask("no tag yet", "GET", tag, **accept)
        self.ask("no head yet", "HEAD", tag, **accept)
        self.ask("parts are missing", "PUT", tag, other.bytes, **kind)
        for blob, data in image.blobs.items():
            self.talk.put_blob("a/b", blob, data)
        self.ask("put", "PUT", tag, image.bytes, **kind)
        self.ask("put again", "PUT", tag, image.bytes, **kind)
        self.ask("put by digest", "PUT", digest, image.bytes, **kind)
        self.ask("put by a wrong digest", "PUT", f"/v2/a/b/manifests/{other.digest}", image.bytes, **kind)
        self.ask("get", "GET", tag, **accept)
        self.ask("head", "HEAD", tag, **accept)
        self.ask("get by digest", "GET", digest, **accept)
        self.ask("list", "GET", "/v2/a/b/tags/list")
        self.ask("list of nothing", "GET", "/v2/no/where/tags/list")
        self.ask("catalog", "GET", "/v2/_catalog")
        self.ask("referrers", "GET", f"/v2/a/b/referrers/{image.digest}")
        self.ask("delete by tag", "DELETE", tag)
        self.ask("delete by digest", "DELETE", digest)
        self.ask("deleted", "GET", tag, **accept)
        self.ask("delete again", "DELETE", digest)
        self.ask("version", "GET", "/v2/")


class AgainstDebians(unittest.TestCase):
    maxDiff = None

    def test_the_same_script_gets_the_same_answers(self):
        image, other = images.single("benign", layers=1), images.single("benign other", layers=1)
        data = image.blobs[image.document["layers"][0]["digest"]]
        with DockerRegistry() as real, HostileRegistry("benign", login="none", mount="real", delete="digest",
                                                       location="absolute") as hostile:
            scripts = [Script(registry.url) for registry in (real, hostile)]
            for script in scripts:
                script.uploads(data)
                script.blobs(images.digest_of(data), len(data))
                script.manifests(image, other)
            for first, second in zip(*(script.seen for script in scripts)):
                with self.subTest(step=first["step"]):
                    self.assertEqual(first, second)


class Hostile(unittest.TestCase):
    def setUp(self):
        self.image = images.single("h", layers=1)
        self.layer = self.image.document["layers"][0]["digest"]
        self.registry = HostileRegistry("r")
        self.addCleanup(self.registry.stop)
        self.registry.load(self.image, "app", "v1")

    def get(self, path, **more):
        return client.RegistryClient(self.registry.url, **more).request("GET", path, expect=EVERYTHING)

    def test_the_door(self):
        account = self.registry.account
        path = "/v2/app/manifests/v1"
        rule = self.registry.rule("GET", "/manifests/", faults.status(418))
        status, headers, _ = self.get(path)
        self.assertEqual((status, headers["WWW-Authenticate"], rule.seen), (401, 'Basic realm="hostile"', 0))
        self.assertEqual(self.get(path, user=account.user, password="wrong")[0], 401)
        self.assertEqual(self.get(path, user=account.user, password=account.password)[0], 418)
        self.registry.closed = True
        self.assertEqual(self.get(path, user=account.user, password=account.password)[0], 401)

    def test_tokens(self):
        self.registry.login = "bearer"
        account = self.registry.account
        _, headers, _ = self.get("/v2/")
        self.assertIn(f'realm="{self.registry.url}/token"', headers["WWW-Authenticate"])
        self.assertEqual(self.get("/token?scope=x")[0], 401)
        status, _, data = self.get("/token?scope=repository:app:pull", user=account.user, password=account.password)
        token = json.loads(data)["token"]
        self.assertEqual((status, self.registry.tokens.asked[-1][1]), (200, ["repository:app:pull"]))
        self.assertEqual(self.get("/v2/", token=token)[0], 200)
        self.registry.tokens.revoke()
        self.assertEqual(self.get("/v2/", token=token)[0], 401)
        self.assertIn(token, account.canaries)

    def test_a_second_origin(self):
        second = SecondOrigin(self.registry)
        self.addCleanup(second.stop)
        self.registry.login = "none"
        self.registry.rule("GET", self.layer, Redirect(second.location))
        talk = client.RegistryClient(self.registry.url)
        self.assertEqual(talk.blob("app", self.layer), self.image.blobs[self.layer])
        self.assertEqual([request.headers.get("Authorization") for request in second.journal], [None])

    def test_one_of_so_many_requests(self):
        self.registry.login = "none"
        self.registry.any_request(faults.status(418), random.Random(7), 5)
        self.assertEqual(sorted(self.get("/v2/")[0] for _ in range(5)), [200, 200, 200, 200, 418])

    def test_a_line_that_is_cut(self):
        self.registry.login = "none"
        line = BadLine(self.registry.port, delay=0.001, cuts=[300])
        self.addCleanup(line.stop)
        talk = client.RegistryClient(f"http://{line.host}")
        with self.assertRaises(OSError):
            talk.blob("app", self.layer)
        self.assertEqual(line.was_cut, 1)
        self.assertEqual(talk.blob("app", self.layer), self.image.blobs[self.layer])


if __name__ == "__main__":
    unittest.main()
