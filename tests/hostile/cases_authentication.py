"""Logins that end early, go round in circles, or are asked for in odd ways."""

import calendar
import time
from collections import Counter

from cases_throttling import met_once
from registry import Refuse
from row import COPY, TREE, Row, named
from support import faults

BOTH_SIDES = named("source", "destination")
DOORS = {f"{side}_{login}": (login, side) for side in BOTH_SIDES for login in ("basic", "bearer")}


def bearer(stage, *sides):
    for side in sides or ("source", "destination"):
        getattr(stage, side).login = "bearer"


def expires(stage, method, chunks):
    """The first request that brings bytes finds its token worn out."""
    bearer(stage)
    if chunks:
        stage.options += ["--chunk-size", "128KiB"]
    stage.destination.rule(method, stage.uploads, Refuse(stage.destination), nth=1)


def asked_twice(stage, _):
    """One token more, and not one more for every request."""
    asked = Counter(tuple(scopes) for _, scopes in stage.destination.tokens.asked)
    stage.case.assertEqual(max(asked.values()), 2, asked)


def never_admitted(stage, login, side):
    registry = getattr(stage, side)
    registry.login, registry.closed = login, True


def few_tries(stage, _):
    """Refused without a login, then with one, and that is all; a token may have grown old, so a second one is tried. A tree asks the
    destination for each of its two repositories. Nobody asks for a token but where a challenge has named it."""
    for registry in (stage.source, stage.destination):
        needs = 2 if stage.command == TREE and registry is stage.destination else 1
        stage.case.assertLessEqual(registry.refused, (3 if registry.login == "bearer" else 2) * needs)
        stage.case.assertLessEqual(len(registry.tokens.asked), registry.refused)


def challenged(stage, side, *challenges):
    """`{realm}` in a challenge stands for the true realm."""
    registry = getattr(stage, side)
    registry.login = "bearer"
    registry.challenges = [challenge.format(realm=registry.realm) for challenge in challenges]


def admits_basic_too(stage, *challenges):
    """A registry that takes either."""
    challenged(stage, "source", *challenges)
    registry, by_token = stage.source, stage.source.tokens.good
    registry.admits = lambda request: by_token(request) or (
        request.headers.get("Authorization") == f"Basic {registry.account.basic}")


def insufficient(stage):
    bearer(stage)
    refusal = Refuse(stage.destination, error="insufficient_scope", scope="repository:app:pull,push,annotate")
    stage.destination.rule("PUT", stage.tag, refusal, nth=1)


def widened(stage, _):
    scopes = [scope for _, scopes in stage.destination.tokens.asked for scope in scopes]
    wide = [scope for scope in scopes if "annotate" in scope]
    stage.case.assertEqual(len(wide), 1, scopes)


def token_server(stage, side, fault, times=None):
    bearer(stage, side)
    stage.rule = getattr(stage, side).rule("GET", "^/token", fault, times=times)


def token_requests_bounded(stage, _):
    """As often as --retries says, and not that often for each try of the request that needs the token."""
    per_need = 3
    stage.case.assertLessEqual(stage.rule.hits, per_need * 2)


def token_answer(stage, **members):
    bearer(stage)
    for registry in (stage.source, stage.destination):
        registry.tokens.key = members.pop("key", registry.tokens.key)
        registry.tokens.extra = members


def issued(days):
    when = time.gmtime(calendar.timegm(time.gmtime()) + days * 86_400)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", when)


def skewed(stage, days):
    """The server's clock is `days` ahead, and its tokens are worth nothing before long: only the 401 tells."""
    token_answer(stage, issued_at=issued(days), expires_in=3600)
    stage.destination.rule("PUT", stage.tag, Refuse(stage.destination), nth=1)


def forbidden(stage, method, path):
    stage.rule = stage.destination.rule(method, getattr(stage, path), faults.status(403))


LONG = faults.Answer(200, b'{"token":"' + b"x" * (64 << 20) + b'"}')
SPLIT = faults.Answer(200, b'{"token":"abc\\r\\nX-Injected: 1"}')

def push_only(stage):
    """Who may push but not pull: Artifactory answers so, too, where there is nothing."""
    stage.destination.rule("GET|HEAD", stage.manifests, faults.status(403))


ROWS = [
    Row(34, "token ends in mid-upload", "NEW", expires, check=asked_twice, variants={
        "whole": ("PUT", False), "chunks": ("PATCH", True), "closing": ("PUT", True), "post": ("POST", False)}),
    Row(35, "401 for ever", "AUTH", never_admitted, commands=(COPY,), check=few_tries, variants=DOORS, host_wide=True),
    Row(35, "401 for ever", "AUTH", never_admitted, commands=(TREE,), check=few_tries, variants=DOORS, host_wide=True,
        expects={"source_bearer": "NF"}),  # a catalog that only refuses is none
    Row(36, "401 without a challenge", "AUTH", challenged, variants=BOTH_SIDES, host_wide=True, check=few_tries),
    Row(37, "several challenges", "NEW", challenged, variants={
        "unknown_first": ("source", "Negotiate", 'Bearer realm="{realm}",service="hostile"'),
        "one_field": ("source", 'Negotiate abc==, bEARER  Realm="{realm}" , service="a, \\"b\\"", x=y'),
        "no_realm_first": ("destination", "Bearer", 'Bearer realm="{realm}"')}),
    Row(37, "Basic beside Bearer", "NEW", admits_basic_too, variants={
        "": ('Basic realm="x"', 'Bearer realm="{realm}"'), "token_server_of_another": ('Bearer realm="https://other.invalid/t"', "Basic")}),
    Row(37, "challenges that are garbage", "AUTH", challenged, host_wide=True, check=few_tries, variants={
        "quotes": ("source", '"""'), "commas": ("source", ", , = ,"), "no_realm": ("source", 'Bearer service="x"'),
        "bytes": ("source", "\xff\xfe Bearer"), "long": ("source", "Bearer " + "x=y," * 5000)}),
    Row(38, "insufficient_scope", "NEW", insufficient, check=widened),
    Row(39, "token server 503", "TEMP", token_server, recovers=True, host_wide=True, check=token_requests_bounded, variants={
        side: (side, faults.status(503)) for side in BOTH_SIDES}),
    Row(40, "token, access_token, no life", "NEW", lambda stage, members: token_answer(stage, **members), variants={
        "token": ({},), "access_token": ({"key": "access_token"},), "no_life": ({"expires_in": None},),
        "life_0": ({"expires_in": 0},), "life_text": ({"expires_in": "60"},)}),
    Row(41, "token of 64 MiB, or with a line break", "PROTO", token_server, host_wide=True, variants={
        f"{name}_{side}": (side, fault) for side in BOTH_SIDES for name, fault in (("long", LONG), ("split", SPLIT))}),
    Row(42, "clocks a day apart", "NEW", skewed, variants=named(-1, 1)),
    Row(43, "403 on a push", "DENY", forbidden, check=met_once, options=("--jobs", "1"), variants={
        "post": ("POST", "uploads"), "put": ("PUT", "uploads"), "manifest": ("PUT", "tag")}),
    Row(43, "403 on every look at the destination", "NEW", push_only),
    Row(43, "403 on every look, and --overwrite never", "DENY", push_only, options=("--overwrite", "never")),
]
