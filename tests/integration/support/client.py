"""A plain registry client for set-up and for the oracle: nothing clever, nothing of freightliner's."""

import base64
import http.client
import json
import ssl
import urllib.parse

from . import images

ACCEPT = ", ".join(
    (images.OCI_INDEX, images.OCI_MANIFEST, images.DOCKER_LIST, images.DOCKER_MANIFEST, images.DOCKER_SCHEMA1, "*/*")
)


class UnexpectedStatus(Exception):
    def __init__(self, method, target, status, body):
        super().__init__(f"{method} {target}: {status} {body[:300]!r}")
        self.status = status


class RegistryClient:
    """`url` is scheme://host:port. `user` and `password` go as Basic; `token` as Bearer; `ca` is a PEM file."""

    def __init__(self, url, user=None, password=None, token=None, ca=None):
        self._url = urllib.parse.urlsplit(url)
        self._headers = {}
        if user is not None:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._context = ssl.create_default_context(cafile=str(ca)) if ca else None

    def request(self, method, target, body=None, headers=None, expect=(200,)):
        """Returns status, headers and body; follows one redirect, without credentials."""
        status, received, data = self._once(self._url, method, target, body, {**self._headers, **(headers or {})})
        if status in (301, 302, 307) and method in ("GET", "HEAD"):
            elsewhere = urllib.parse.urlsplit(urllib.parse.urljoin(self._url.geturl() + target, received["Location"]))
            path = elsewhere.path + ("?" + elsewhere.query if elsewhere.query else "")
            status, received, data = self._once(elsewhere, method, path, None, {})
        if status not in expect:
            raise UnexpectedStatus(method, target, status, data)
        return status, received, data

    def manifest(self, repository, reference):
        """(media type, bytes), or None where there is none."""
        status, headers, data = self.request(
            "GET", f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT}, expect=(200, 404)
        )
        return None if status == 404 else (headers.get("Content-Type", ""), data)

    def blob(self, repository, digest):
        status, _, data = self.request("GET", f"/v2/{repository}/blobs/{digest}", expect=(200, 404))
        return None if status == 404 else data

    def tags(self, repository):
        status, _, data = self.request("GET", f"/v2/{repository}/tags/list", expect=(200, 404))
        return [] if status == 404 else sorted(json.loads(data).get("tags") or [])

    def put_blob(self, repository, digest, data):
        _, headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/", b"", expect=(202,))
        location = urllib.parse.urlsplit(urllib.parse.urljoin(self._url.geturl(), headers["Location"]))
        query = f"{location.query}&" if location.query else ""
        target = f"{location.path}?{query}digest={urllib.parse.quote(digest)}"
        self.request("PUT", target, data, {"Content-Type": "application/octet-stream"}, expect=(201,))

    def put_manifest(self, repository, reference, media_type, data):
        self.request("PUT", f"/v2/{repository}/manifests/{reference}", data, {"Content-Type": media_type}, expect=(201,))

    def delete_blob(self, repository, digest):
        self.request("DELETE", f"/v2/{repository}/blobs/{digest}", expect=(202,))

    def push(self, image, repository, *tags):
        """Pushes all of `image`; the root goes under each tag, by digest where there is none."""
        for digest, data in image.blobs.items():
            self.put_blob(repository, digest, data)
        for digest in image.ordered_manifests():
            names = (tags or (digest,)) if digest == image.digest else (digest,)
            for name in names:
                self.put_manifest(repository, name, *image.manifests[digest])

    def _once(self, url, method, target, body, headers):
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=self._context)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            try:
                data = answer.read()
            except http.client.IncompleteRead as short:
                if answer.status != 416:  # docker-registry 2.8.2 announces the blob's length there, and sends an error
                    raise
                data = short.partial
            return answer.status, answer.headers, data
        finally:
            connection.close()
