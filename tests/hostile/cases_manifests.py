"""Manifests that move, lie about themselves, are too large, too deep, or refused."""

import json

from row import COPY, Row, named
from support import faults, images

LIMIT = 4 << 20
WRONG = images.digest_of(b"something else")
UNKNOWN_BLOB = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}'
TAG_INVALID = b'{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}'


def remade(image, change):
    """The same image with another manifest: `change(document)` returns the new one, or its bytes."""
    document = change(image.document)
    image.manifests.clear()
    image.add_manifest(images.OCI_MANIFEST, document)
    return image


def give(make):
    return lambda stage, *arguments: stage.give(make(*arguments))


def spoil(make):
    return lambda stage, *arguments: stage.spoil(make(*arguments))


def tag_moves(stage):
    third = images.single("third", layers=1)
    move = faults.Call(lambda _: stage.source.load(third, "app", "v1"))
    stage.source.rule("GET", "/v2/app/blobs/", move, nth=1)


def wrong_header_on_a_tag(stage):
    stage.source.rule("GET|HEAD", stage.tag, faults.SetHeader(Docker_Content_Digest=WRONG))


def warned(stage, result):
    stage.case.assertIn("Docker-Content-Digest", result.stderr, result)


def wrong_header_on_a_pin(stage, fault):
    stage.source_reference = f"docker://{stage.source.host}/app@{stage.image.digest}"
    stage.source.rule("GET|HEAD", f"{stage.manifests}{stage.image.digest}", fault)


def content_type(stage, value):
    stage.source.rule("GET|HEAD", stage.tag, faults.SetHeader(Content_Type=value))


def no_type_at_all(stage):
    stage.spoil(remade(images.single("bare", layers=1), lambda document: {"schemaVersion": 2, "payload": document["layers"]}))
    stage.source.rule("GET|HEAD", stage.tag, faults.SetHeader(Content_Type=None))


def told(*words):
    def check(stage, result):
        for word in words:
            stage.case.assertIn(word, result.stderr.lower() + result.stdout.lower(), result)
    return check


def manifest_of_size(size):
    def padded(document):
        empty = images.to_json({**document, "annotations": {"pad": ""}})
        return {**document, "annotations": {"pad": "x" * (size - len(empty))}}
    return remade(images.single("padded", layers=1), padded)


def cycle():
    digest = images.digest_of(b"cycle")
    loop = images.index_of([images.Image({"mediaType": images.OCI_INDEX, "digest": digest, "size": 300})])
    loop.manifests[digest] = loop.manifests[loop.digest]
    return loop


def one_transfer(stage, _):
    stage.case.assertEqual(len(stage.source.requests("GET", stage.blob)), 1)


def two_sizes():
    def add(document):
        return {**document, "layers": document["layers"] + [{**document["layers"][0], "size": 7}]}
    return remade(images.single("two sizes", layers=1), add)


def lies_about_size(by):
    def change(document):
        document["layers"][0]["size"] += by
        return document
    return remade(images.single("size lies", layers=1), change)


def child_missing(stage, sparse):
    child = stage.image.document["manifests"][1]["digest"]
    del stage.source.repository("app").manifests[child]
    if sparse:
        stage.options += ["--platform", "linux/amd64"]
        stage.wanted = stage.image.document["manifests"][0]["digest"]


def many_descriptors(count):
    image = images.single("many", layers=1)
    layer = images.to_json(image.document["layers"][0])
    head, tail = images.to_json({**image.document, "layers": []}).split(b'"layers":[]')
    return remade(image, lambda _: head + b'"layers":[' + b",".join([layer] * count) + b"]" + tail)


def with_referrer(stage, source_has_api):
    """The source has a referrer, the destination no API for it, and an entry of somebody else in the fallback tag."""
    stage.behave("source", referrers=source_has_api)
    stage.behave("destination", referrers=False)
    subject = images.single("subject", layers=1)
    stage.give(subject)
    own, other = images.referrer(subject, "own"), images.referrer(subject, "other")
    tag = subject.digest.replace(":", "-")
    stage.more_tags, stage.fallback = {tag}, (tag, own, other)
    stage.source.load(own, "app")
    if not source_has_api:
        stage.source.load(images.index_of([own]), "app", tag)
    stage.destination.load(images.index_of([other]), "app", tag)
    stage.destination.load(subject, "app")
    stage.options.append("--referrers")


def both_entries(stage, _):
    tag, own, other = stage.fallback
    _, data = stage.destination.manifest("app", tag)
    stage.case.assertEqual({entry["digest"] for entry in json.loads(data)["manifests"]}, {own.digest, other.digest})
    stage.case.assertIsNotNone(stage.destination.manifest("app", own.digest))


def blob_vanishes(stage):
    vanish = faults.Call(lambda _: stage.destination.repository("app").blobs.pop(stage.layer, None))
    stage.destination.rule("PUT", stage.manifests, vanish, nth=1)


def unknown_once(stage, status):
    stage.destination.rule("PUT", stage.manifests, faults.Answer(status, UNKNOWN_BLOB), nth=1)


def tag_reply_lost(stage):
    stage.destination.rule("PUT", stage.tag, faults.DropReply(), nth=1)


def looked_before_repeating(stage, _):
    """The first PUT had its effect, and a look says so."""
    asked = [request.method for request in stage.destination.requests("PUT|HEAD|GET", stage.tag)]
    put = asked.index("PUT")
    stage.case.assertEqual(asked.count("PUT"), 1, asked)
    stage.case.assertTrue({"HEAD", "GET"} & set(asked[put:]), asked)


def immutable_same(stage, status):
    stage.destination.load(stage.image, "app", "v1")
    stage.rule = stage.destination.rule("PUT", stage.tag, faults.Answer(status, TAG_INVALID))


def immutable_other(stage, status):
    stage.rule = stage.destination.rule("PUT", stage.tag, faults.Answer(status, TAG_INVALID))


def asked_once(stage, _):
    stage.case.assertEqual(stage.rule.hits, 1)


class StoresAnother(faults.Fault):
    """201, and the tag names something else."""

    def __init__(self, stage, header):
        self.stage, self.header = stage, header

    def after(self, request, response):
        other = images.single("instead", layers=1)
        self.stage.destination.load(other, "app", "v1")
        response.headers.remove("Docker-Content-Digest")
        if self.header:
            response.headers.set("Docker-Content-Digest", other.digest)
        return response


def stores_another(stage, header):
    stage.destination.rule("PUT", stage.tag, StoresAnother(stage, header))


def bad_bytes(stage, change):
    document = {**images.single("bytes", layers=1).document, "annotations": {"note": "text"}}
    body = change(images.to_json(document))
    stage.source.rule("GET|HEAD", stage.tag, faults.json_answer(body, content_type=images.OCI_MANIFEST))
    stage.bad_size = len(body)


def got_them(stage, _):
    """It is the body that was refused, and nothing else was asked for."""
    gets = stage.source.requests("GET", stage.tag)
    stage.case.assertEqual([request.body_sent for request in gets], [stage.bad_size] * len(gets))
    stage.case.assertGreater(len(gets), 0)
    stage.case.assertEqual(stage.source.requests("GET", "/v2/app/blobs/"), [])


ROWS = [
    Row(64, "tag moves during the copy", "NEW", tag_moves),
    Row(65, "wrong Docker-Content-Digest on a tag", "NEW", wrong_header_on_a_tag, check=warned),
    Row(66, "wrong on a pinned digest", "INTEG", wrong_header_on_a_pin, commands=(COPY,), variants={
        "header": (faults.SetHeader(Docker_Content_Digest=WRONG),),
        "bytes": (faults.ReplaceBody(images.single("evil", layers=1).bytes),)}),
    Row(67, "parameters of Content-Type", "NEW", content_type, variants=named(f"{images.OCI_INDEX}; charset=utf-8")),
    Row(68, "Content-Type wrong or missing", "NEW", content_type,
        variants={"missing": (None,), "text": ("text/plain",), "another_kind": (images.OCI_MANIFEST,)},
        expects={"another_kind": "PROTO"}),
    Row(68, "no type anywhere", "PROTO", no_type_at_all),
    Row(69, "schema 1", "PROTO", spoil(images.schema1), check=told("schema 1")),
    Row(70, "unknown types, artifacts, odd bytes", "NEW", give(lambda make: make()), variants={
        "unknown": (images.unknown_type,), "artifact": (images.artifact,), "odd": (images.with_odd_bytes,)}),
    Row(71, "manifest at the limit", "NEW", give(manifest_of_size), variants={
        "below": (LIMIT - 1,), "at": (LIMIT,)}),
    Row(71, "manifest over the limit", "PROTO", spoil(manifest_of_size), variants={"above": (LIMIT + 1,)}, check=told("mib")),
    Row(72, "nested index", "NEW", give(images.nested), variants=named(2, 16)),
    Row(72, "index nested too deep", "PROTO", spoil(images.nested), variants=named(100)),
    Row(73, "faked cycle of indexes", "INTEG", spoil(cycle)),
    Row(74, "duplicate descriptors", "NEW", give(images.with_duplicate_layers), check=one_transfer),
    Row(75, "one digest, two sizes", "INTEG", spoil(two_sizes)),
    Row(75, "a size that is not the blob's", "INTEG", spoil(lies_about_size), variants=named(-1, 1, 1 << 62)),
    Row(76, "child missing", "NF", child_missing, variants={"": (False,)}),
    Row(76, "child missing, and not selected by --platform", "NEW", child_missing, commands=(COPY,), variants={"": (True,)}),
    Row(77, "platform that is not there", "NF", lambda stage: None, commands=(COPY,), options=("--platform", "windows/amd64")),
    Row(78, "100,000 descriptors", "PROTO", spoil(many_descriptors), variants=named(100_000)),
    Row(78, "as many descriptors as fit in", "NEW", give(many_descriptors), variants=named(20_000)),
    Row(79, "subject without OCI-Subject: no entry of the fallback tag is lost", "NEW", with_referrer, check=both_entries,
        variants={"": (True,)}),
    # A tree takes the fallback tag along as it stands, like any other.
    Row(80, "referrers 404: the fallback tag is read", "NEW", with_referrer, commands=(COPY,), check=both_entries,
        variants={"": (False,)}),
    Row(81, "MANIFEST_BLOB_UNKNOWN", "NEW", blob_vanishes),
    Row(81, "MANIFEST_BLOB_UNKNOWN once, without reason", "NEW", unknown_once, variants=named(400, 404)),
    Row(82, "reply to the tag's PUT lost", "NEW", tag_reply_lost, check=looked_before_repeating),
    Row(83, "immutable tag, same digest", "NEW", immutable_same, variants=named(400, 409, 412), check=asked_once,
        options=("--overwrite", "always")),
    Row(83, "immutable tag, another digest", "DENY", immutable_other, variants=named(400, 409, 412), check=asked_once),
    Row(84, "PUT 201, but the tag reads differently", "INTEG", stores_another, variants={"header": (True,), "read": (False,)},
        tag_is_its_own=True),
    Row(85, "bytes that are no JSON", "PROTO", bad_bytes, check=got_them, variants={
        "not_utf8": (lambda body: body.replace(b'"text"', b'"te\xfft"'),),
        "byte_order_mark": (lambda body: b"\xef\xbb\xbf" + body,),
        "trailing": (lambda body: body + b"x",)}),
]
