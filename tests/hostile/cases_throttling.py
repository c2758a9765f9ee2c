"""Hosts that are busy, broken, or answer something else than a registry would."""

import random
import time

from cases_upload import on_layer
from row import Row, named
from support import faults
from support.wire import Response

TRUNCATED = b'{"errors":[{"code":"NAME_UNKN'


def limited(stage, retry_after, times):
    stage.source.rule("GET", stage.blob, faults.too_many(retry_after() if callable(retry_after) else retry_after), times=times)


def in_three_seconds():
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))


def waited(stage, _):
    """The host was left alone for as long as it had asked."""
    first, second = stage.source.requests("GET", stage.blob)[:2]
    stage.case.assertGreaterEqual(second.started - first.started, 0.9)


def limited_upload(stage):
    on_layer(stage, faults.too_many(1), times=1)


def read_again(stage, _):
    """The source is asked for the bytes once more: nobody keeps a whole blob for a second try."""
    stage.case.assertEqual(len(stage.source.requests("GET", stage.blob)), 2)


def burst(stage, status):
    for registry in (stage.source, stage.destination):
        registry.rule("*", "/manifests/", faults.status(status), times=1)
        registry.rule("*", "/blobs/", faults.status(status), times=1)


def for_ever(stage, side):
    stage.rule = getattr(stage, side).rule("*", "/v2/app/blobs/", faults.status(503))


def bounded(stage, _):
    stage.case.assertLessEqual(stage.rule.hits, 3 * 2 * len(stage.image.blobs) + 4)


def odd(stage, status, path, side, method):
    stage.rule = getattr(stage, side).rule(method, getattr(stage, path), faults.status(status))


def met_once(stage, _):
    """One job: so nothing was under way beside what was refused, and that was not tried again."""
    stage.case.assertEqual(stage.rule.hits, 1)


def page(stage, side, method, path):
    getattr(stage, side).rule(method, getattr(stage, path), faults.html())


class CutOrDrop(faults.Cut):
    """Of an answer without that much of a body nothing comes."""

    def after(self, request, response):
        if request.method == "HEAD" or len(response.body) <= self.at:
            return Response(drop=True)
        return super().after(request, response)


def drawn(stage, seed):
    """One fault at one request, as the seed has it; of so many that a run has them all behind the door."""
    generator = random.Random(seed)
    fault = generator.choice([faults.status(500), faults.too_many(0), faults.ResetOnRequest(), faults.DropReply(), CutOrDrop(10)])
    registry = generator.choice([stage.source, stage.destination])
    stage.rule = registry.any_request(fault, generator, 8 if registry is stage.source else 17)


def was_dealt(stage, _):
    stage.case.assertEqual(stage.rule.hits, 1)


def truncated_error(stage, status):
    """A HEAD would be refused without a body."""
    stage.source.rule("GET", stage.tag, faults.Answer(status, TRUNCATED))


def body_came(stage, _):
    """The fault is in the body of an answer about the tag: it has been sent."""
    stage.case.assertGreater(max(request.body_sent for request in stage.source.requests("GET", stage.tag)), 0)


ROWS = [
    Row(24, "429 with seconds", "NEW", limited, variants={"": (1, 1)}, check=waited),
    Row(25, "429 with a date", "NEW", limited, variants={"": (in_three_seconds, 1)}, check=waited),
    Row(26, "429 without a header", "NEW", limited, variants={"": (None, 2)}),
    Row(27, "Retry-After that is absurd", "TEMP", limited, recovers=True, options=("--retries", "1"),
        variants={"negative": ("-5",), "a_word": ("soon",)}),
    Row(27, "Retry-After too long to be waited for", "TEMP", limited, options=("--retries", "1"), variants={
        "a_day": (86_400, None), "2_to_63": (1 << 63, None), "digits": ("9" * 400, None)}, host_wide=False),
    Row(28, "429 on an upload", "NEW", limited_upload, check=read_again),
    Row(29, "bursts of 5xx and 408", "NEW", burst, variants=named(500, 503, 408), whole=named(502, 504, 520)),
    Row(29, "one fault at a request that a seed draws", "NEW", drawn, check=was_dealt, variants=named(*range(6)),
        whole=named(*range(6, 100))),
    Row(30, "503 for ever", "TEMP", for_ever, variants=named("source", "destination"), check=bounded),
    Row(31, "501, or an odd 4xx", "PROTO", odd, check=met_once, options=("--jobs", "1"), variants={
        f"{status}_{path}": (status, path, side, method) for status in (501, 418)
        for path, side, method in (("blob", "source", "GET"), ("uploads", "destination", "POST"),
                                   ("tag", "destination", "PUT"))}),
    Row(32, "200 with HTML", "PROTO", page, variants={
        "manifest": ("source", "GET|HEAD", "tag"), "upload": ("destination", "POST", "uploads"),
        "config": ("source", "GET", "blob")}),
    Row(33, "error body cut short", "NF", truncated_error, variants=named(404, 403, 418), check=body_came,
        expects={"403": "DENY", "418": "PROTO"}),
]
