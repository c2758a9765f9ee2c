"""A small registry in memory whose behaviour is switched by options and spoiled by rules. Checked in its benign mode against
the same client and images as docker-registry (test_harness.py)."""

import base64
import json
import re
import threading
import urllib.parse
import uuid
from dataclasses import dataclass, field

from . import images
from .faults import Rule
from .wire import ClientGone, Response, Server

BLOB = re.compile(r"^/v2/(?P<repository>.+)/blobs/(?P<digest>[a-z0-9]+:[0-9a-f]+)$")
START = re.compile(r"^/v2/(?P<repository>.+)/blobs/uploads/?$")
SESSION = re.compile(r"^/v2/(?P<repository>.+)/blobs/uploads/(?P<upload>[0-9a-f-]+)$")
MANIFEST = re.compile(r"^/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)$")
TAGS = re.compile(r"^/v2/(?P<repository>.+)/tags/list$")
CATALOG = re.compile(r"^/v2/_catalog$")
REFERRERS = re.compile(r"^/v2/(?P<repository>.+)/referrers/(?P<digest>[^/]+)$")


@dataclass
class Behaviour:
    mount: str = "never"  # never: 202 always (go-containerregistry's); real: 201 where it can; refuse: 405
    location: str = "relative"  # or absolute, or bare (the last segment alone); all with a query that must survive
    chunk_min: int = 0  # OCI-Chunk-Min-Length
    range: str = "ok"  # ok; ignored: 200 with everything; wrong: a Content-Range that lies; refused: 416
    referrers: bool = False  # the referrers API and OCI-Subject
    referrers_page: int = 0
    page_size: int = 0  # pages of tags/list, with Link
    catalog: int = 200  # or what _catalog answers instead: 401, 404
    catalog_page: int = 0
    delete: str = "tag"  # tag: by tag and by digest; digest: 400 by tag, as docker-registry 2.8.2; never: 405
    digest_header: bool = True  # send Docker-Content-Digest
    verify: bool = True  # refuse blobs whose digest is wrong
    complete: bool = True  # refuse manifests whose parts are missing
    redirect_blobs: bool = False  # blobs come from a second origin
    basic: tuple | None = None  # (user, password) asked for
    manifest_types: tuple | None = None  # None: any


@dataclass
class Upload:
    """One upload session. `received` counts the body bytes that arrived over all its requests, whole or not."""

    repository: str
    state: str = "open"  # open, committed, cancelled
    data: bytearray = field(default_factory=bytearray)
    received: int = 0
    declared: int = 0  # Content-Length of the last body
    digest: str = ""
    broken: bool = False  # a body broke off
    told: str = ""  # the position in the last answer about its status
    opened_by: object = None  # the request; where its answer was lost nobody but the registry knows the session

    @property
    def position(self):
        """Stands in its Location: one from before the last bytes is refused."""
        return f"a+b={len(self.data)}"


@dataclass
class Repository:
    blobs: dict = field(default_factory=dict)
    manifests: dict = field(default_factory=dict)  # digest → (media type, bytes)
    tags: dict = field(default_factory=dict)


def error(status, code, *messages):
    document = {"errors": [{"code": code, "message": message} for message in messages or (code.lower(),)]}
    return Response.of(status, json.dumps(document).encode(), "application/json")


class ScriptedRegistry:
    """`rule(...)` adds faults; `repositories` is the state; `journal` every request; `uploads` every session ever opened."""

    def __init__(self, tls=None, address="127.0.0.1", tls_version=None, **behaviour):
        self.behaviour = Behaviour(**behaviour)
        self.repositories = {}
        self.uploads = {}
        self.rules = []
        self.lock = threading.RLock()
        self.server = Server(self._handle, address, tls, tls_version)
        self.host, self.url, self.port = self.server.host, self.server.url, self.server.port
        self.elsewhere = Server(self._serve_elsewhere, address) if self.behaviour.redirect_blobs else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.server.stop()
        if self.elsewhere:
            self.elsewhere.stop()

    @property
    def journal(self):
        return self.server.journal

    def requests(self, method=None, path="", since=0):
        """From the journal; `path` is a regular expression, `since` a length of the journal noted earlier."""
        with self.server.lock:
            entries = self.journal[since:]
        return [
            entry for entry in entries
            if (method is None or entry.method in method.split("|")) and re.search(path, entry.path)
        ]

    def rule(self, method, pattern, fault, nth=None, times=None, seconds=None):
        rule = Rule(method, pattern, fault, nth, times, seconds)
        self.rules.append(rule)
        return rule

    def repository(self, name):
        with self.lock:
            return self.repositories.setdefault(name, Repository())

    def load(self, image, repository, *tags):
        """Puts an image in without any request."""
        target = self.repository(repository)
        with self.lock:
            target.blobs.update(image.blobs)
            target.manifests.update(image.manifests)
            for tag in tags:
                target.tags[tag] = image.digest

    def open_uploads(self):
        """Those that a client has been told of."""
        return [upload for upload in self.uploads.values()
                if upload.state == "open" and (upload.opened_by is None or upload.opened_by.status)]

    # --- the oracle's view

    def manifest(self, repository, reference):
        found = self.repositories.get(repository, Repository())
        digest = found.tags.get(reference, reference)
        return found.manifests.get(digest)

    def blob(self, repository, digest):
        return self.repositories.get(repository, Repository()).blobs.get(digest)

    # --- serving

    def _handle(self, request):
        acting = [rule.fault for rule in list(self.rules) if rule.applies(request)]
        response = None
        for fault in acting:
            response = response or fault.receive(request)
        if response is None:
            response = self._route(request)
        for fault in acting:
            response = fault.after(request, response)
        return response

    def _route(self, request):
        if self.behaviour.basic and not self._authorized(request):
            request.body()
            answer = error(401, "UNAUTHORIZED")
            answer.headers.set("WWW-Authenticate", 'Basic realm="scripted"')
            return answer
        if request.path in ("/v2", "/v2/"):
            return Response.of(200, b"{}", "application/json", Docker_Distribution_Api_Version="registry/2.0")
        for pattern, methods in (
            (START, {"POST": self._start_upload}),
            (SESSION, {"GET": self._status, "PATCH": self._patch, "PUT": self._finish, "DELETE": self._cancel}),
            (BLOB, {"GET": self._get_blob, "HEAD": self._get_blob}),
            (MANIFEST, {"GET": self._get_manifest, "HEAD": self._get_manifest, "PUT": self._put_manifest,
                        "DELETE": self._delete_manifest}),
            (TAGS, {"GET": self._list_tags}),
            (CATALOG, {"GET": self._list_repositories}),
            (REFERRERS, {"GET": self._list_referrers}),
        ):
            match = pattern.match(request.path)
            if match:
                serve = methods.get(request.method)
                if serve is None:
                    request.body()
                    return error(405, "UNSUPPORTED")
                return serve(request, **match.groupdict())
        request.body()
        return error(404, "NOT_FOUND")

    def _authorized(self, request):
        pair = base64.b64encode(":".join(self.behaviour.basic).encode()).decode()
        return request.headers.get("Authorization") == f"Basic {pair}"

    # --- blobs

    def _get_blob(self, request, repository, digest):
        data = self.blob(repository, digest)
        if data is None:
            return error(404, "BLOB_UNKNOWN")
        if self.elsewhere and request.method == "GET":
            signed = f"{self.elsewhere.url}/store/{repository}/{digest}?signature=s3cret%2Fvalue"
            return Response.of(307, Location=signed)
        return self._deliver(request, data, digest)

    def _serve_elsewhere(self, request):
        acting = [rule.fault for rule in list(self.rules) if rule.applies(request)]
        _, _, rest = request.path.partition("/store/")
        repository, _, digest = rest.rpartition("/")
        data = self.blob(repository, digest)
        response = self._deliver(request, data, digest)
        if "Authorization" in request.headers:
            response = error(400, "InvalidArgument", "Only one auth mechanism allowed")
        for fault in acting:
            response = fault.receive(request) or response
            response = fault.after(request, response)
        return response

    def _deliver(self, request, data, digest):
        response = Response.of(200, data, "application/octet-stream")
        if self.behaviour.digest_header:
            response.headers.set("Docker-Content-Digest", digest)
        asked = re.match(r"^bytes=(\d+)-(\d*)$", request.headers.get("Range", ""))
        if not asked or self.behaviour.range == "ignored":
            if request.method == "HEAD":
                response.declared = len(data)
            return response
        start = int(asked[1])
        end = min(int(asked[2]) if asked[2] else len(data) - 1, len(data) - 1)
        if start >= len(data) or self.behaviour.range == "refused":
            answer = error(416, "RANGE_INVALID")
            answer.declared, answer.close = len(data), True  # as docker-registry 2.8.2 does
            return answer
        response.status, response.body = 206, data[start : end + 1]
        shift = 1 if self.behaviour.range == "wrong" else 0
        response.headers.set("Content-Range", f"bytes {start + shift}-{end}/{len(data)}")
        return response

    def _start_upload(self, request, repository):
        request.body()
        digest = request.argument("mount")
        if digest and self.behaviour.mount == "refuse":
            return error(405, "UNSUPPORTED")
        if digest and self.behaviour.mount == "real":
            with self.lock:
                data = self.blob(request.argument("from", repository), digest)
                if data is not None:
                    self.repository(repository).blobs[digest] = data
                    return self._created(repository, digest)
        name = uuid.uuid4().hex
        with self.lock:
            self.uploads[name] = Upload(repository, opened_by=request)
        return self._session_answer(name, 202)

    def _created(self, repository, digest):
        return Response.of(201, Location=f"/v2/{repository}/blobs/{digest}", Docker_Content_Digest=digest)

    def _session_answer(self, name, status):
        upload = self.uploads[name]
        location = f"/v2/{upload.repository}/blobs/uploads/{name}?_state={urllib.parse.quote(upload.position)}"
        if self.behaviour.location == "absolute":
            location = self.url + location
        if self.behaviour.location == "bare":
            location = location.rpartition("/")[2]
        answer = Response.of(status, Location=location, Range=f"0-{max(0, len(upload.data) - 1)}",
                             Docker_Upload_UUID=name)
        if self.behaviour.chunk_min:
            answer.headers.set("OCI-Chunk-Min-Length", self.behaviour.chunk_min)
        return answer

    def _session(self, request, upload):
        """The open session that the request names; a stale or foreign Location finds none."""
        found = self.uploads.get(upload)
        if found is None or found.state != "open":
            return None
        state = request.argument("_state")
        # The rest of a body that broke off may still come in while its session is being cancelled.
        fresh = state == found.position or request.method == "DELETE" and state == found.told
        return found if fresh or request.method == "GET" else None

    def _status(self, request, repository, upload):
        session = self._session(request, upload)
        if session is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN" if request.argument("_state") else "BLOB_UPLOAD_INVALID")
        session.told = session.position
        return self._session_answer(upload, 204)

    def _receive(self, request, upload):
        """Adds the body to the session, counting also what arrives of one that breaks off."""
        upload.declared = int(request.headers.get("Content-Length", 0))
        before = len(upload.data)
        try:
            for data in request.chunks():
                upload.received += len(data)
                upload.data += data
        except (ClientGone, OSError):
            upload.broken = True
            raise
        return len(upload.data) - before

    def _patch(self, request, repository, upload):
        session = self._session(request, upload)
        if session is None:
            request.body()
            return error(404, "BLOB_UPLOAD_INVALID")
        expected = request.headers.get("Content-Range")
        if expected and not expected.startswith(f"{len(session.data)}-"):
            request.body()
            return error(416, "RANGE_INVALID")
        self._receive(request, session)
        return self._session_answer(upload, 202)

    def _finish(self, request, repository, upload):
        session = self._session(request, upload)
        if session is None:
            request.body()
            return error(404, "BLOB_UPLOAD_INVALID")
        digest = session.digest = request.argument("digest", "")
        self._receive(request, session)
        data = bytes(session.data)
        if self.behaviour.verify and images.digest_of(data, digest.partition(":")[0]) != digest:
            return error(400, "DIGEST_INVALID")
        with self.lock:
            session.state = "committed"
            self.repository(repository).blobs[digest] = data
        return self._created(repository, digest)

    def _cancel(self, request, repository, upload):
        session = self._session(request, upload)
        if session is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN")
        session.state = "cancelled"
        return Response(204)

    # --- manifests

    def _get_manifest(self, request, repository, reference):
        found = self.manifest(repository, reference)
        if found is None:
            return error(404, "MANIFEST_UNKNOWN")
        media_type, data = found
        response = Response.of(200, data, media_type)
        if self.behaviour.digest_header:
            algorithm = reference.partition(":")[0] if ":" in reference else "sha256"
            response.headers.set("Docker-Content-Digest", images.digest_of(data, algorithm))
        return response

    def _put_manifest(self, request, repository, reference):
        data = request.body()
        media_type = request.headers.get("Content-Type", "").partition(";")[0]
        if self.behaviour.manifest_types is not None and media_type not in self.behaviour.manifest_types:
            return error(400, "MANIFEST_INVALID", "unsupported type")
        algorithm = reference.partition(":")[0] if ":" in reference else "sha256"
        digest = images.digest_of(data, algorithm)
        if ":" in reference and reference != digest:
            return error(400, "DIGEST_INVALID")
        target = self.repository(repository)
        document = json.loads(data)
        missing = self._missing(target, document)
        if self.behaviour.complete and missing:
            return error(400, "MANIFEST_BLOB_UNKNOWN", *missing)
        with self.lock:
            target.manifests[digest] = (media_type, data)
            if ":" not in reference:
                target.tags[reference] = digest
        answer = Response.of(201, Location=f"/v2/{repository}/manifests/{digest}", Docker_Content_Digest=digest)
        if self.behaviour.referrers and "subject" in document:
            answer.headers.set("OCI-Subject", document["subject"]["digest"])
        return answer

    def _delete_manifest(self, request, repository, reference):
        if self.behaviour.delete == "never":
            return error(405, "UNSUPPORTED")
        if self.behaviour.delete == "digest" and ":" not in reference:
            return error(400, "DIGEST_INVALID")
        with self.lock:
            if self.manifest(repository, reference) is None:
                return error(404, "MANIFEST_UNKNOWN")
            target = self.repository(repository)
            if ":" in reference:
                del target.manifests[reference]
                target.tags = {tag: digest for tag, digest in target.tags.items() if digest != reference}
            else:
                del target.tags[reference]
        return Response(202)

    def _missing(self, target, document):
        parts = [*(document.get("layers") or []), *([document["config"]] if "config" in document else [])]
        return [child["digest"] for child in document.get("manifests") or [] if child["digest"] not in target.manifests] + [
            part["digest"] for part in parts if part["digest"] not in target.blobs and not part.get("urls")]

    # --- listings

    def _page(self, request, items, size, path):
        """Items after `last`, at most `size`, and the Link to the next page."""
        last = request.argument("last", "")
        rest = [item for item in items if item > last] if last else items
        if not size or len(rest) <= size:
            return rest, None
        page = rest[:size]
        return page, f'<{path}?n={size}&last={urllib.parse.quote(page[-1])}>; rel="next"'

    def _list_tags(self, request, repository):
        with self.lock:
            if repository not in self.repositories:
                return error(404, "NAME_UNKNOWN")
            tags = sorted(self.repositories[repository].tags)
        size = self.behaviour.page_size and min(self.behaviour.page_size, int(request.argument("n", "1000000")))
        page, link = self._page(request, tags, size, request.path)
        answer = Response.of(200, json.dumps({"name": repository, "tags": page}).encode(), "application/json")
        if link:
            answer.headers.set("Link", link)
        return answer

    def _list_repositories(self, request):
        if self.behaviour.catalog != 200:
            return error(self.behaviour.catalog, "UNAUTHORIZED" if self.behaviour.catalog == 401 else "NOT_FOUND")
        with self.lock:
            names = sorted(name for name, held in self.repositories.items() if held.manifests or held.blobs)
        page, link = self._page(request, names, self.behaviour.catalog_page, request.path)
        answer = Response.of(200, json.dumps({"repositories": page}).encode(), "application/json")
        if link:
            answer.headers.set("Link", link)
        return answer

    def _list_referrers(self, request, repository, digest):
        if not self.behaviour.referrers:
            return Response.of(404, b"404 page not found\n", "text/plain")  # no such route
        with self.lock:
            found = {}
            for own, (media_type, data) in self.repository(repository).manifests.items():
                document = json.loads(data)
                if (document.get("subject") or {}).get("digest") == digest:
                    entry = {"mediaType": media_type, "digest": own, "size": len(data)}
                    if "artifactType" in document:
                        entry["artifactType"] = document["artifactType"]
                    found[own] = entry
        page, link = self._page(request, sorted(found), self.behaviour.referrers_page, request.path)
        index = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [found[own] for own in page]}
        answer = Response.of(200, images.to_json(index), images.OCI_INDEX)
        if link:
            answer.headers.set("Link", link)
        return answer
