"""Blobs that come wrong, short, slowly, from elsewhere, or not at all."""

import itertools
import time

from registry import Redirect
from row import COPY, Row, named
from support import faults, images

SLOW = ("--stall-timeout", "1s", "--retries", "1")


def on_blob(fault):
    """A row's setup: `fault` on every GET of the layer, or on the first `times`."""
    return lambda stage, times=None: stage.source.rule("GET", stage.blob, fault, times=times)


def fetched(times):
    """A row's check: so often the layer was asked for."""
    def check(stage, _):
        stage.case.assertEqual(len(stage.source.requests("GET", stage.blob)), times)
    return check


def cut_first(stage, at):
    stage.cut_at = {"half": stage.layer_size // 2, "last": stage.layer_size - 1}.get(at, at)
    stage.source.rule("GET", stage.blob, faults.Cut(stage.cut_at), nth=1)


def resumed(stage, _):
    """The second GET asks for the rest alone, where there is something that it need not ask for."""
    gets = stage.source.requests("GET", stage.blob)
    stage.case.assertEqual(len(gets), 2)
    start = range_start(gets[1])
    stage.case.assertEqual(start > 0, stage.cut_at > 0)
    stage.case.assertLessEqual(start, stage.cut_at)
    stage.case.assertEqual(gets[1].body_sent, stage.layer_size - start)


def range_start(request):
    """0 where it asks for everything."""
    return int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


def tiny_cut(stage, at):
    image = images.single("tiny", layers=1, layer_size=64)
    stage.give(image, image.document["layers"][0]["digest"])
    cut_first(stage, at % stage.layer_size)


def slow_headers(_):
    for piece in itertools.chain(b"HTTP/1.1 200 OK\r\n", itertools.cycle(b"X")):
        yield bytes([piece])
        time.sleep(0.1)


def endless(_):
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


def bounded_body(stage, _):
    """A body is left where it is one byte too long; what was under way by then is buffers of the kernel."""
    for request in stage.source.requests("GET", stage.blob):
        stage.case.assertLess(request.body_sent, stage.layer_size + (16 << 20))


def bad_chunk(_):
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 100 + b"\r\nzz\r\n"


def early_end(_):
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + b"x" * 100


def cut_with_range(stage, mode):
    stage.source.behaviour.range = mode
    cut_first(stage, "half")


def rest_was_asked_for(*statuses):
    """A row's check: the GETs of the layer end so; the second one asks for the rest, and the last one brings the whole layer."""
    def check(stage, _):
        gets = stage.source.requests("GET", stage.blob)
        stage.case.assertEqual([request.status for request in gets], list(statuses))
        stage.case.assertGreater(range_start(gets[1]), 0)
        stage.case.assertEqual([request for request in gets[2:] if "Range" in request.headers], [])
        stage.case.assertEqual(gets[-1].body_sent, stage.layer_size)
    return check


def give(make):
    return lambda stage: stage.give(make())


def deleted(stage, in_the_middle):
    if in_the_middle:
        stage.source.rule("GET", stage.blob, faults.Cut(stage.layer_size // 2), nth=1)
    vanish = faults.Call(lambda _: stage.source.repository("app").blobs.pop(stage.layer, None))
    stage.source.rule("GET", stage.blob, vanish, nth=2 if in_the_middle else 1)


def expired_redirect(stage):
    stage.source.rule("GET", stage.blob, Redirect(stage.second.location))
    stage.second.rule("GET", "/store/", faults.status(403), nth=1)


def asked_the_origin_again(stage, _):
    stage.case.assertEqual(len(stage.source.requests("GET", stage.blob)), 2)
    stage.case.assertEqual(len(stage.second.journal), 2)


def redirects(stage, kind):
    numbers = itertools.count(1)
    locations = {
        "loop": lambda request: f"{stage.source.url}{request.path}",
        "hops": lambda request: f"{stage.source.url}{request.path}?hop={next(numbers)}",
        "elsewhere": lambda request: f"{stage.second.url}{request.path}?hop={next(numbers)}",
    }
    stage.source.rule("GET", stage.blob, Redirect(locations[kind]))
    if kind == "elsewhere":
        stage.second.rule("GET", "/", Redirect(locations[kind]))


def few_hops(stage, _):
    seconds = sum(len(other.journal) for other in stage.others)
    stage.case.assertLessEqual(len(stage.source.requests("GET", stage.blob)) + seconds, 12)


def to_plain_http(stage):
    stage.serve("source", tls=stage.authority.server())
    stage.source.rule("GET", stage.blob, Redirect(stage.second.location))


def second_is_not_asked(stage, _):
    for other in stage.others:
        stage.case.assertEqual([request.target for request in other.journal], [])


def to_loopback(stage, address):
    stage.second_origin(address=address)
    stage.source.rule("GET", stage.blob, Redirect(stage.others[-1].location))


def no_head(stage):
    for registry in (stage.source, stage.destination):
        registry.rule("HEAD", "/", faults.status(405))


def head_without_length(stage):
    for registry in (stage.source, stage.destination):
        registry.rule("HEAD", "/", faults.Chunked())


def head_says_yes(stage, what):
    path = {"blob": stage.blob, "manifest": stage.manifests}[what]
    stage.source.rule("GET", path, faults.status(404))


def wrong_length_at_destination(stage):
    answer = faults.Answer(200, b"12345", "application/octet-stream")
    stage.destination.rule("HEAD", stage.blob, answer)


ROWS = [
    Row(1, "reset at byte k", "NEW", cut_first, variants=named(0, 1, 700, "half", "last"), check=resumed),
    Row(1, "reset at every byte of a small blob", "NEW", tiny_cut, commands=(COPY,), variants=named(33, -1),
        whole=named(*range(0, 330)), check=resumed),
    Row(2, "short body, true length", "TEMP", on_blob(faults.Resize(-10, lie=True)), recovers=True),
    Row(3, "short body, length that agrees", "INTEG", on_blob(faults.Resize(-10)), recovers=True, check=fetched(2)),
    Row(4, "body too long", "INTEG", lambda stage, fault: on_blob(fault)(stage), check=bounded_body,
        variants={"by_10": (faults.Resize(10),), "endless": (faults.Raw(endless),)}),
    Row(5, "one bit flipped", "INTEG", on_blob(faults.Flip()), recovers=True, check=fetched(2)),
    Row(6, "headers byte by byte", "TEMP", on_blob(faults.Raw(slow_headers)), recovers=True, options=SLOW),
    Row(7, "body at a trickle", "TEMP", on_blob(faults.Throttle(10)), recovers=True, options=SLOW),
    Row(8, "range answered with everything", "NEW", cut_with_range, variants=named("ignored"), check=rest_was_asked_for(200, 200)),
    Row(9, "wrong Content-Range", "NEW", cut_with_range, variants=named("wrong"), check=rest_was_asked_for(200, 206, 200)),
    Row(10, "416 on resume", "NEW", cut_with_range, variants=named("refused"), check=rest_was_asked_for(200, 416, 200)),
    Row(11, "chunked, no length", "NEW", on_blob(faults.Chunked())),
    Row(12, "chunks that are none, or end early", "TEMP", lambda stage, pieces, times: on_blob(faults.Raw(pieces))(stage, times),
        recovers=True, variants={"bad": (bad_chunk,), "early_end": (early_end,)}),
    Row(13, "Content-Encoding on a blob", "PROTO", on_blob(faults.SetHeader(Content_Encoding="gzip"))),
    Row(14, "empty blob", "NEW", give(images.with_empty_blob)),
    Row(15, "blob deleted during the copy", "NF", deleted, variants={"before": (False,), "in_the_middle": (True,)}),
    Row(16, "signed redirect ran out", "NEW", expired_redirect, check=asked_the_origin_again),
    Row(17, "redirect loop, eleven hops", "PROTO", redirects, variants=named("loop", "hops", "elsewhere"), check=few_hops),
    Row(18, "redirect from https to http", "TLS", to_plain_http, check=second_is_not_asked),
    Row(19, "redirect to loopback", "PROTO", to_loopback, variants=named("127.0.0.2"), check=second_is_not_asked),
    Row(20, "HEAD is not allowed", "NEW", no_head),
    Row(21, "HEAD without a length", "NEW", head_without_length),
    Row(22, "HEAD says yes, GET says 404", "NF", head_says_yes, variants=named("blob", "manifest")),
    Row(23, "the destination has another length", "NEW|INTEG", wrong_length_at_destination),
]
