"""S9 to S19: who tries to get at memory, files or the terminal, or to be believed."""

import itertools
import json
import os
import re

from cases_blob_read import endless
from cases_throttling import body_came
from cases_upload import cancel_was_sent
from registry import Redirect
from row import COPY, TREE, Row, named
from stage import new_image
from support import faults, images, recompress

LAYER = {"mediaType": images.OCI_LAYER, "digest": images.digest_of(b"x"), "size": 1}
CONFIG = {"mediaType": images.OCI_CONFIG, "digest": images.digest_of(b"c"), "size": 1}
HUGE = 1 << 62
MANIFEST = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}


# --- S9 to S14: what is believed


def pinned(stage):
    stage.source_reference = f"docker://{stage.source.host}/app@{stage.image.digest}"
    path = f"{stage.manifests}{stage.image.digest}"
    stage.source.rule("GET", path, faults.ReplaceBody(images.single("evil", layers=1).bytes))
    stage.source.rule("GET|HEAD", path, faults.SetHeader(Docker_Content_Digest=stage.image.digest))


def served(stage, document, content_type=images.OCI_MANIFEST):
    body = document if isinstance(document, bytes) else images.to_json(document)
    stage.source.rule("GET|HEAD", stage.tag, faults.json_answer(body, content_type=content_type))


def with_digest(digest, place="layers"):
    """A document that has `digest` there."""
    bad = {**LAYER, "digest": digest}
    if place == "manifests":
        child = {**bad, "mediaType": images.OCI_MANIFEST}
        return {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [child]}
    return {**MANIFEST, place: {"layers": [bad], "config": {**CONFIG, "digest": digest},
                                "subject": {**bad, "mediaType": images.OCI_MANIFEST}}[place]}


def digests(stage, digest, place):
    document = with_digest(digest, place)
    served(stage, images.to_json(document), document["mediaType"])


def digest_headers(stage, value):
    stage.source.rule("GET|HEAD", stage.manifests, faults.SetHeader(Docker_Content_Digest=value))
    stage.destination.rule("GET|HEAD|PUT", stage.manifests, faults.SetHeader(Docker_Content_Digest=value))
    stage.destination.rule("PUT", stage.uploads, faults.SetHeader(Docker_Content_Digest=value))


def type_flips(stage):
    """HEAD and GET of one tag disagree about what it is."""
    stage.source.rule("HEAD", stage.tag, faults.SetHeader(Content_Type=images.OCI_INDEX))
    stage.source.rule("GET", stage.tag, faults.SetHeader(Content_Type=images.OCI_MANIFEST))


def endless_of(status, **headers):
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    def pieces(_):
        yield f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{more}Transfer-Encoding: chunked\r\n\r\n".encode()
        while True:
            yield b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    return faults.Raw(pieces)


def declared(_):
    """As long as a size can be: nobody may make room for what is only announced."""
    yield f"HTTP/1.1 200 OK\r\nContent-Type: {images.OCI_MANIFEST}\r\nContent-Length: {HUGE}\r\n\r\n".encode()
    while True:
        yield b"[" * 0x10000


def endless_headers(_):
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        yield f"X-{number}: {'y' * 1000}\r\n".encode()


def endless_answer(stage, side, method, path, fault):
    stage.source.login = stage.destination.login = "bearer"
    stage.endless = (getattr(stage, side), method, path if path.startswith("^") else getattr(stage, path))
    stage.endless[0].rule(*stage.endless[1:], fault)


def in_chunks(stage, *answer):
    stage.options += ["--chunk-size", "128KiB"]
    stage.give(new_image(stage.LARGE))
    endless_answer(stage, *answer)


def cancelled(stage, *answer):
    """What a cancelled upload asks the destination."""
    stage.source.rule("GET", stage.blob, faults.Flip())
    endless_answer(stage, *answer)


def cancelled_all_the_same(stage, result):
    left_early(stage, result)
    cancel_was_sent(stage, result)


def endless_redirect(stage):
    def pieces(request):
        return endless_of(307, Location=stage.second.location(request)).pieces(request)
    endless_answer(stage, "source", "GET", "blob", faults.Raw(pieces))


def with_referrers(stage, *answer):
    stage.options.append("--referrers")
    endless_answer(stage, *answer)


def left_early(stage, _):
    """It was sent, and left before long; what was under way by then is buffers of the kernel."""
    registry, method, path = stage.endless
    sent = [request.body_sent for request in registry.requests(method, path)]
    stage.case.assertGreater(max(sent), 0)
    stage.case.assertLess(max(sent), 48 << 20)


def huge(place):
    """A descriptor whose size is as large as a size can be."""
    image = images.single("huge", layers=1)
    if place == "manifests":
        image = images.index_of([image], platforms=["linux/amd64"])
    document = image.document
    (document[place] if place == "config" else document[place][0])["size"] = HUGE
    media_type = document["mediaType"]
    del image.manifests[image.digest]
    image.add_manifest(media_type, document)
    return image


def bomb():
    """A layer that is gzip in gzip, five times; nobody asked to look inside."""
    data = b"\0" * (64 << 20)
    for _ in range(5):
        data = images.gzip(data)
    image = images.single("bomb", layers=1)
    document = {**image.document, "layers": [image.add_blob(images.OCI_LAYER, data)]}
    image.manifests.clear()
    image.add_manifest(images.OCI_MANIFEST, document)
    return image


def not_gzip():
    """A layer that can't be unpacked; nobody asked to."""
    image = images.single("not gzip", layers=1)
    document = {**image.document, "layers": [image.add_blob(images.OCI_LAYER, b"\x1f\x8b" + bytes(5000))]}
    image.manifests.clear()
    image.add_manifest(images.OCI_MANIFEST, document)
    return image


def unpacked(stage):
    """--recompress has to unpack a layer, and holds no more of it than a run may have."""
    image = images.single("zeros", layers=1)
    data = bytes(128 << 20)
    config = json.loads(image.blobs[image.document["config"]["digest"]])
    config["rootfs"]["diff_ids"] = [images.digest_of(data)]
    document = {**image.document, "config": image.add_blob(images.OCI_CONFIG, images.to_json(config)),
                "layers": [image.add_blob(images.OCI_LAYER, images.gzip(data))]}
    image.manifests.clear()
    image.add_manifest(images.OCI_MANIFEST, document)
    stage.give(image)
    result = stage.run(("--recompress", "zstd"))
    stage.case.assertEqual(result.exit_code, 0, result)
    _, manifest = stage.destination.manifest("app", "v1")
    layer, = json.loads(manifest)["layers"]
    stage.case.assertTrue(recompress.unpack(layer, stage.destination.blob("app", layer["digest"])) == data)
    stage.case.assertTrue(layer["mediaType"].endswith("zstd"))
    stage.judge.whole()
    stage.judge.bounds(result)
    stage.judge.secrets(result)
    stage.judge.sessions()
    stage.case.check_run(result)


def deep(stage, where):
    body = b"[" * 100_000
    if where == "manifest":
        served(stage, body)
    elif where == "error":
        stage.source.rule("GET", stage.tag, faults.Answer(404, body))
    else:
        stage.source.login = "bearer"
        stage.source.rule("GET", "^/token", faults.Answer(200, body))


# --- S15 to S19: files and text


def swapped(stage):
    """The source is a layout whose layer changes while it is read."""
    image = images.single("swapped", layers=1, layer_size=24 << 20)
    stage.give(image, image.document["layers"][0]["digest"])
    layout = images.write_layout(image, stage.case.directory / "layout", "v1")
    stage.source_reference = f"oci:{layout}:v1"
    path = layout / "blobs" / stage.layer.replace(":", "/", 1)

    def swap(request):
        if request.argument("digest") == stage.layer:
            with open(path, "r+b") as file:
                file.seek(-10, os.SEEK_END)
                file.write(b"swapped!!!")

    stage.destination.rule("PUT", stage.uploads, faults.Call(swap))
    stage.heal_source = lambda: images.write_layout(image, layout, "v1")


BAD_TAGS = ["../x", "a/b", "nul\0", "-x", "\x1b[31mred", "x" * 129, "bidi\u202e"]
SHOWN = {"nul\0": r"nul\x00", "\x1b[31mred": r"\x1b[31mred", "bidi\u202e": r"bidi\u{202e}"}
GOOD_PATHS = r"/v2/(_catalog|(app|other)/(tags/list|manifests/(v1|sha256:[0-9a-f]{64})|blobs/(sha256:[0-9a-f]{64}|uploads/[0-9a-f]*)))?"


def bad_tags(stage):
    body = json.dumps({"name": "app", "tags": ["v1", *BAD_TAGS]}).encode()
    stage.source.rule("GET", stage.tags_list, faults.json_answer(body))


def only_good_tags(stage, result):
    """Each of the others is named, in a form that does no harm, and none has come into a request."""
    for tag in BAD_TAGS:
        shown = SHOWN.get(tag, tag)
        stage.case.assertRegex(result.stderr, rf'"{re.escape(shown[:100])}[^\n"]*" is passed over', result)
    for registry in (stage.source, stage.destination):
        for request in registry.journal:
            stage.case.assertRegex(request.path, rf"^{GOOD_PATHS}$")


def escapes(stage, where):
    text = "\x1b]0;owned\x07 \u202e \x9b31m\r\n"
    if where == "error":
        body = json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode()
        stage.source.rule("GET", stage.tag, faults.Answer(403, body))  # a HEAD would be refused without a body
    elif where == "warning":
        stage.source.rule("GET|HEAD", "/", faults.SetHeader(Warning='299 - "a\x1b[31mb\x9b"'))
    else:
        image = images.single("annotated", layers=1, annotations={"org.opencontainers.image.title": text})
        stage.give(image)


def escaped(stage, result):
    """Told, in a form that does no harm; that there is no other is judged of every run."""
    body_came(stage, result)
    for shown in (r"\x1b]0;owned\x07", r"\u{202e}", r"\x9b31m"):
        stage.case.assertIn(shown, result.stderr, result)


BAD_DIGESTS = {
    "climbs": "sha256:../../etc/passwd", "upper_case": LAYER["digest"].upper(), "short": "sha256:abc", "md5": "md5:" + "0" * 32,
    "empty": "", "long": LAYER["digest"] + "0", "no_algorithm": LAYER["digest"][7:], "space": LAYER["digest"] + " ",
}

ROWS = [
    Row("S9", "other bytes under a pinned digest", "INTEG", pinned, commands=(COPY,)),
    Row("S10", "digests in a manifest that are none", "PROTO", digests, variants={
        **{f"{name}_layers": (digest, "layers") for name, digest in BAD_DIGESTS.items()},
        **{f"climbs_{place}": (BAD_DIGESTS["climbs"], place) for place in ("config", "manifests", "subject")}},
        whole={f"{name}_{place}": (digest, place) for name, digest in BAD_DIGESTS.items() if name != "climbs"
               for place in ("config", "manifests", "subject")}),
    Row("S10", "digests in headers that are none", "NEW", digest_headers, variants={
        name: (digest,) for name, digest in BAD_DIGESTS.items() if name != "space"}),
    Row("S11", "manifests that could be either kind", "PROTO", served, variants={
        "both": ({**MANIFEST, "manifests": []},), "another_type": ({**MANIFEST, "mediaType": images.OCI_INDEX},),
        "duplicate_key": (images.to_json(MANIFEST).replace(b'"layers":', b'"layers":[],"layers":'),)}),
    Row("S11", "the type flips between two requests", "PROTO", type_flips),
    Row("S12", "bodies without end", "PROTO", endless_answer, host_wide=True, check=left_early, variants={
        "manifest": ("source", "GET", "tag", endless_of(200)), "error": ("source", "GET", "tag", endless_of(404)),
        "token": ("source", "GET", "^/token", endless_of(200)), "put": ("destination", "PUT", "tag", endless_of(201)),
        "headers": ("source", "GET|HEAD", "tag", faults.Raw(endless_headers)),
        "declared": ("source", "GET", "tag", faults.Raw(declared)),
        "blob": ("source", "GET", "blob", faults.Raw(endless))}, expects={"blob": "INTEG", "error": "NF"}),
    Row("S12", "bodies without end, of answers about an upload", "PROTO", endless_answer, host_wide=True, sessions_stay=True,
        check=left_early, variants={
            "post": ("destination", "POST", "uploads", endless_of(202)), "put": ("destination", "PUT", "uploads", endless_of(201))}),
    Row("S12", "a body without end behind a chunk", "PROTO", in_chunks, host_wide=True, sessions_stay=True, check=left_early,
        variants={"": ("destination", "PATCH", "uploads", endless_of(202))}),
    Row("S12", "a body without end where a cancelled upload's status is asked for", "INTEG", cancelled, sessions_stay=True,
        check=cancelled_all_the_same, variants={"": ("destination", "GET", "uploads", endless_of(200))}),
    Row("S12", "a redirect with a body without end", "NEW", endless_redirect, check=left_early),
    Row("S12", "referrers without end", "PROTO", with_referrers, host_wide=True, check=left_early, variants={
        "": ("source", "GET", "^/v2/app/referrers/", endless_of(200))}),
    Row("S12", "lists without end", "PROTO", endless_answer, commands=(TREE,), host_wide=True, check=left_early, variants={
        "tags": ("source", "GET", "tags_list", endless_of(200)), "catalog": ("source", "GET", "^/v2/_catalog", endless_of(200))}),
    Row("S12", "a size of 2^62", "INTEG", lambda stage, place: stage.spoil(huge(place)), variants=named("config", "layers", "manifests")),
    Row("S13", "layers that nobody asked to unpack", "NEW", lambda stage, make: stage.give(make()), variants={
        "five_times_gzip": (bomb,), "no_gzip": (not_gzip,)}),
    Row("S13", "a layer that unpacks to twice the memory that a run may have", "NEW", play=unpacked, commands=(COPY,)),
    Row("S14", "100,000 brackets", "PROTO", deep, host_wide=True, variants=named("manifest", "token")),
    Row("S14", "100,000 brackets in an error", "NF", deep, host_wide=True, check=body_came, variants={"": ("error",)}),
    Row("S16", "the source's file changes while it is read", "INTEG", swapped, commands=(COPY,)),
    Row("S18", "tags that are none", "NEW", bad_tags, commands=(TREE,), check=only_good_tags),
    Row("S19", "terminal escapes", "NEW", escapes, variants=named("warning", "annotation")),
    Row("S19", "terminal escapes in an error", "DENY", escapes, check=escaped, variants={"": ("error",)}),
]
