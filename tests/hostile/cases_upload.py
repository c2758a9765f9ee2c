"""Uploads: sessions that break, vanish, lie about their offset, or end in a refusal."""

import json

from row import COPY, TREE, Row, named
from stage import new_image
from support import faults, images

CHUNK = 128 << 10
WAYS = {"whole": (False,), "chunks": (True,)}


class OfUpload(faults.Fault):
    """A fault that reaches into the session which the request names."""

    def __init__(self, registry):
        self.registry = registry

    def session(self, request):
        return self.registry.uploads[request.path.rpartition("/")[2]]


class TakesLess(OfUpload):
    """The registry keeps all but `by` bytes of the request, and says so in Range. Notes in `kept` what sessions have then."""

    def __init__(self, registry, by):
        super().__init__(registry)
        self.by, self.kept = by, {}

    def after(self, request, response):
        data = self.session(request).data
        del data[len(data) - self.by:]
        self.kept[request.path.rpartition("/")[2]] = len(data)
        response.headers.set("Range", f"0-{len(data) - 1}")
        return response


class TakesMore(OfUpload):
    """Range says more than was sent; the session really has that much where `truly`."""

    def __init__(self, registry, truly):
        super().__init__(registry)
        self.truly = truly

    def after(self, request, response):
        data = self.session(request).data
        response.headers.set("Range", f"0-{len(data) + 99}")
        if self.truly:
            data += b"x" * 100
        return response


class Forgets(faults.Fault):
    """The blob is gone behind the 201."""

    def __init__(self, registry):
        self.registry = registry

    def after(self, request, response):
        self.registry.repository("app").blobs.pop(request.argument("digest"), None)
        return response


def in_chunks(stage, yes=True):
    """Uploads in several PATCH requests, also of a tree's small image."""
    if yes:
        stage.give(new_image(stage.LARGE))
        stage.options += ["--chunk-size", "128KiB"]


def on_bytes(stage, fault, nth=1, times=None):
    """`fault` on a request that carries bytes of a large blob, not on those of the configs. `struck`: the requests that met it."""
    rule = stage.destination.rule("PUT|PATCH", stage.uploads, fault, nth=nth, times=times)
    applies, stage.struck = rule.applies, []

    def applies_to_bytes(request):
        if int(request.headers.get("Content-Length", "0")) <= 1000 or not applies(request):
            return False
        stage.struck.append(request)
        return True

    rule.applies = applies_to_bytes
    return rule


def broken_body(stage, after, chunks):
    in_chunks(stage, chunks)
    on_bytes(stage, faults.ResetOnRequest(after))


def new_session(stage, _):
    """What broke is not gone on with: the session that met the fault got nothing more and was cancelled, and the blob went into
    another one from its first byte, read from the source again."""
    struck, = stage.struck
    upload = stage.destination.uploads[struck.path.rpartition("/")[2]]
    stage.case.assertEqual(upload.state, "cancelled")
    later = [request for request in stage.destination.requests("PUT|PATCH") if request.number > struck.number]
    stage.case.assertNotIn(struck.path, [request.path for request in later])
    read = [request.path for request in stage.source.requests("GET", "/v2/app/blobs/")]
    stage.case.assertEqual(len(read), len(stage.image.blobs) + 1)
    stage.case.assertEqual(set(read), {f"/v2/app/blobs/{digest}" for digest in stage.image.blobs})


def whole_again(stage, result):
    """Before the first byte of a body has left, its request may be repeated as it was: nobody has got anything of it."""
    struck, = stage.struck
    upload = stage.destination.uploads[struck.path.rpartition("/")[2]]
    if upload.state == "cancelled":
        new_session(stage, result)
        return
    again = [request for request in stage.destination.requests("PUT|PATCH", struck.path) if request.number > struck.number][0]
    heads = [(request.target, request.headers.get("Content-Range")) for request in (struck, again)]
    stage.case.assertEqual(heads[0], heads[1])
    stage.case.assertNotEqual(again.connection, struck.connection)
    stage.case.assertEqual(again.body_received, int(struck.headers.get("Content-Length")))


def gone(stage, status, chunks):
    """One blob moves at a time, so that the second request with bytes goes into the session of the first."""
    in_chunks(stage, chunks)
    stage.options += ["--jobs", "1"]
    on_bytes(stage, faults.status(status), nth=2 if chunks else 1)


def new_session_in_the_middle(stage, result):
    """Of a chunk: behind one that was taken."""
    struck, = stage.struck
    if struck.method == "PATCH":
        before = stage.destination.requests("PATCH", struck.path)[0]
        stage.case.assertEqual((before.status, before.number < struck.number), (202, True))
    new_session(stage, result)


def takes_less(stage, by, nth=1):
    in_chunks(stage)
    fault = TakesLess(stage.destination, by)
    stage.kept = fault.kept
    on_bytes(stage, fault, nth)


def takes_less_each_time(stage, by):
    takes_less(stage, by, nth=None)


def goes_on(stage, _):
    """Behind what was kept, in the same session and byte by byte; a session that kept nothing is as good as a new one."""
    (name, kept), = stage.kept.items()
    upload = stage.destination.uploads[name]
    if kept == 0:
        stage.case.assertEqual(upload.state, "cancelled")
        return
    sent = [(int(request.headers.get("Content-Range").partition("-")[0]), request.body_received)
            for request in stage.destination.requests("PATCH", f"{stage.uploads}{name}")]
    ends = [first + length for first, length in sent]
    stage.case.assertEqual([first for first, _ in sent], [0, kept, *ends[1:-1]])
    stage.case.assertEqual(upload.state, "committed")
    stage.case.assertEqual(images.digest_of(bytes(upload.data)), upload.digest)
    stage.case.assertEqual(upload.received, len(upload.data) + CHUNK - kept, "nothing but what was lost goes out twice")


def takes_more(stage, truly):
    in_chunks(stage)
    on_bytes(stage, TakesMore(stage.destination, truly))


def no_gap(stage, _):
    """Each chunk begins where the one before has ended, whatever Range said; that it said so was noticed."""
    ends = {}
    for request in stage.destination.requests("PATCH", stage.uploads):
        first = int(request.headers.get("Content-Range").partition("-")[0])
        stage.case.assertEqual(first, ends.get(request.path, 0))
        ends[request.path] = first + request.body_received
    struck, = stage.struck
    upload = stage.destination.uploads[struck.path.rpartition("/")[2]]
    stage.case.assertTrue(upload.state == "cancelled" or stage.destination.requests("GET", struck.path))


def location(stage, form, chunks):
    in_chunks(stage, chunks)
    stage.behave("destination", location=form)


def no_location(stage, method):
    in_chunks(stage, method == "PATCH")
    stage.destination.rule(method, stage.uploads, faults.SetHeader(Location=None))


def location_each_time(stage):
    in_chunks(stage)


def locations_differ(stage, _):
    targets = [request.target for request in stage.destination.requests("PATCH", stage.uploads)]
    stage.case.assertGreater(len(targets), 4)
    stage.case.assertEqual(len(set(targets)), len(targets))


def minimum(stage):
    in_chunks(stage)
    stage.behave("destination", chunk_min=200_000)


def minimum_kept(stage, _):
    sizes = {}
    for request in stage.destination.requests("PATCH", stage.uploads):
        sizes.setdefault(request.path, []).append(request.body_received)
    for chunks in sizes.values():
        stage.case.assertTrue(all(size >= 200_000 for size in chunks[:-1]), chunks)


def lost_reply(stage, chunks):
    in_chunks(stage, chunks)
    stage.destination.rule("PUT", stage.uploads, faults.DropReply(), nth=1)


def not_sent_again(stage, _):
    """Each blob's bytes went out once."""
    sent = sum(request.body_received for request in stage.destination.requests("PUT|PATCH", stage.uploads))
    stage.case.assertEqual(sent, sum(map(len, stage.image.blobs.values())))


def forgets(stage, times):
    stage.destination.rule("PUT", stage.uploads, Forgets(stage.destination), times=times)


def on_layer(stage, fault, times=None):
    """`fault` on the closing PUT of the layer."""
    rule = stage.destination.rule("PUT", stage.uploads, fault, times=times)
    applies = rule.applies
    rule.applies = lambda request: request.argument("digest") == stage.layer and applies(request)


def invalid(stage, times):
    on_layer(stage, faults.Answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}'), times)


def read_twice(stage, _):
    stage.case.assertEqual(len(stage.source.requests("GET", stage.blob)), 2)


def only_accepted(stage):
    stage.destination.rule("PUT", stage.uploads, faults.Answer(202, b"", Location="/v2/app/blobs/uploads/x"))


def within_one(stage, fault, times=None):
    """From another repository of the same registry, so that blobs are mounted; `fault` on the first mounts."""
    stage.destination.load(stage.image, "donor", "v1")
    stage.behave("destination", mount="real")
    stage.source_reference = f"docker://{stage.destination.host}/donor:v1"
    stage.options += ["--jobs", "1"]
    if fault:
        stage.destination.rule("POST", stage.uploads, fault, times=times)


def mount_gives_session(stage):
    within_one(stage, None)
    stage.behave("destination", mount="never")


def one_post_each(stage, _):
    posts = stage.destination.requests("POST", stage.uploads)
    stage.case.assertEqual(len(posts), len(stage.image.blobs))
    stage.case.assertTrue(any(post.argument("mount") for post in posts))


def refused_upload(stage, status, body):
    stage.refusals = stage.destination.rule("POST|PUT", stage.uploads, faults.Answer(status, body))


def over_quota(stage, status, body):
    """A tree has many tags in the repository that takes no more."""
    if stage.command == TREE:
        stage.options += ["--jobs", "2"]
        stage.more_tags = {f"more-{number}" for number in range(20)}
        for tag in stage.more_tags:
            stage.source.load(images.single(tag, layers=1), "app", tag)
    refused_upload(stage, status, body)


def not_asked_for_each_tag(stage, result):
    """What was under way when the first refusal came has asked, nobody after that."""
    stage.case.assertGreater(stage.refusals.hits, 0)
    stage.case.assertLessEqual(stage.refusals.hits, 10)
    if stage.command == TREE:
        errors = [entry["error"] for entry in json.loads(result.stdout)["references"] if entry["source_repository"] == "app"]
        stage.case.assertEqual(len(errors), 1 + len(stage.more_tags))
        stage.case.assertGreater(sum("not tried" in error for error in errors), 10, errors)


def early(stage, status):
    stage.give(images.single("early", layers=1, layer_size=24 << 20))
    on_layer(stage, faults.Answer(status, b'{"errors":[{"code":"TOOBIG"}]}', early=True))


def stopped_sending(stage, _):
    """What went out is what the buffers of two sockets hold."""
    for request in stage.destination.requests("PUT", stage.uploads):
        stage.case.assertLess(request.body_received, 1 << 20)
    read = max(request.body_sent for request in stage.source.requests("GET", stage.blob))
    stage.case.assertLess(read, stage.layer_size)


def cancel_refused(stage, status):
    stage.source.rule("GET", stage.blob, faults.Flip())
    stage.destination.rule("DELETE", stage.uploads, faults.status(status))


def cancel_was_sent(stage, _):
    stage.case.assertTrue(stage.destination.requests("DELETE", stage.uploads))


def cancelled(stage):
    stage.source.rule("GET", stage.blob, faults.Flip())


def cancelled_at_once_more(stage, method, fault):
    cancelled(stage)
    stage.rule = stage.destination.rule(method, stage.uploads, fault, times=1)


def was_met(stage, _):
    stage.case.assertEqual(stage.rule.hits, 1)


QUOTA = b'{"errors":[{"code":"DENIED","message":"quota exceeded"}]}'

ROWS = [
    Row(44, "reset before the body", "NEW", broken_body, check=whole_again,
        variants={name: (0, *way) for name, way in WAYS.items()}),
    Row(44, "reset in the body", "NEW", broken_body, check=new_session, variants={
        f"{name}_{after}": (after, *way) for name, way in WAYS.items() for after in (1, 2000)}),
    Row(45, "404 in mid-session", "NEW", gone, check=new_session_in_the_middle,
        variants={name: (404, *way) for name, way in WAYS.items()}),
    Row(46, "416 in mid-session", "NEW", gone, check=new_session_in_the_middle,
        variants={name: (416, *way) for name, way in WAYS.items()}),
    Row(47, "Range shorter than what was sent", "NEW", takes_less, variants=named(1, 1000, CHUNK), check=goes_on),
    Row(47, "Range shorter each time", "TEMP", takes_less_each_time, variants=named(1, 1000, CHUNK)),
    Row(48, "Range beyond what was sent, and the session is so", "NEW", takes_more, check=new_session, variants={"": (True,)}),
    Row(48, "Range beyond what was sent, and the session is not so", "NEW", takes_more, check=no_gap, variants={"": (False,)}),
    Row(49, "Location relative, absolute, bare, with a query", "NEW", location, variants={
        f"{form}_{name}": (form, *way) for form in ("relative", "absolute", "bare") for name, way in WAYS.items()}),
    Row(50, "Location missing", "PROTO", no_location, variants=named("POST", "PATCH"), sessions_stay=True),
    Row(51, "Location changes with each PATCH", "NEW", location_each_time, check=locations_differ),
    Row(52, "OCI-Chunk-Min-Length", "NEW", minimum, check=minimum_kept),
    Row(53, "PUT applied, reply lost", "NEW", lost_reply, variants=WAYS, check=not_sent_again),
    Row(54, "PUT 201, and the blob is not there", "TEMP", forgets, recovers=True),
    Row(55, "PUT says DIGEST_INVALID", "INTEG", invalid, recovers=True, check=read_twice),
    Row(56, "PUT 202, never 201", "PROTO", only_accepted),
    Row(57, "mount 201, and the blob is missing", "NEW", within_one, commands=(COPY,), variants={
        "first": (faults.Answer(201, b"", Location="/v2/app/blobs/x"), 1), "all": (faults.Answer(201, b""), 4)}),
    Row(58, "mount 202: that session is used", "NEW", mount_gives_session, commands=(COPY,), check=one_post_each),
    Row(59, "mount refused", "NEW", within_one, commands=(COPY,), variants={
        str(code): (faults.status(code), 1) for code in (400, 401, 403, 404, 405, 500, 503)}),
    Row(60, "507, quota: that repository stops, others go on", "DENY", over_quota, check=not_asked_for_each_tag,
        variants={"507": (507, b"{}"), "403": (403, QUOTA)}, max_requests=400),
    Row(61, "413", "DENY", refused_upload, variants={"413": (413, b"{}")}),
    Row(62, "an early 4xx is read, sending stops", "DENY", early, commands=(COPY,), variants=named(400, 403, 413),
        expects={"400": "PROTO"}, check=stopped_sending),
    Row(63, "cancelled upload: the DELETE's outcome is ignored", "INTEG", cancel_refused, variants=named(404, 405, 500),
        check=cancel_was_sent, sessions_stay=True),
    Row(63, "cancelled upload: no session is left", "INTEG", cancelled, commands=(COPY, TREE), check=cancel_was_sent),
    Row(63, "cancelled upload: a fault in the way of that", "INTEG", cancelled_at_once_more, check=was_met, variants={
        f"{name}_{method}": (method, fault) for method in ("GET", "DELETE")
        for name, fault in (("500", faults.status(500)), ("reset", faults.ResetOnRequest()), ("html", faults.html()))}),
]
