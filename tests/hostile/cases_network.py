"""Names that lead nowhere, lines that break, proxies and certificates that are no good."""

import os
import pathlib
import socket
import ssl

from proxy import BadLine
from row import COPY, Row, named
from support import certificates, faults, process
from support.wire import Response, Server

QUICK = ("--connect-timeout", "1s", "--retries", "1")


def straight_again(stage):
    stage.source_reference = stage.destination_reference = None
    stage.env = {}


def unknown_name(stage, side):
    """No name ends in .invalid (RFC 6761); whether the answer is NXDOMAIN or none at all depends on the machine."""
    stage.env["RES_OPTIONS"] = "timeout:1 attempts:1"
    stage.reach(side, "registry.invalid")
    stage.heal_source = lambda: straight_again(stage)


def flapping_name(stage, script):
    """Found at some look-ups and not at others, as `script` says (flapping_names.cc). The library stands beside the program, where
    the build has put it."""
    library = pathlib.Path(stage.program.binary).resolve().parents[2] / "tests/libflapping_names.so"
    stage.look_ups = stage.case.directory / "look-ups"
    stage.env = {"LD_PRELOAD": str(library), "FREIGHTLINER_FLAPPING": script, "FREIGHTLINER_FLAPPING_LOG": str(stage.look_ups),
                 # What stands before the runtime of AddressSanitizer is none of its business.
                 "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"}
    for side in ("source", "destination"):
        host = f"{side}.flapping.test:{getattr(stage, side).port}"
        getattr(stage, side).realm = f"http://{host}/token"
        stage.options += ["--plain-http", host]
        stage.reach(side, host)
    stage.script = script


def looked_up(stage, _):
    """Once more after each failure, and for each of the two names."""
    seen = stage.look_ups.read_text()
    stage.case.assertEqual(seen[:len(stage.script)], stage.script)
    stage.case.assertEqual(seen.count("."), 2, "found names are kept")


def by_name(stage):
    for side in ("source", "destination"):
        stage.reach(side, f"localhost:{getattr(stage, side).port}")


def ipv6(stage):
    for side in ("source", "destination"):
        stage.serve(side, address="::1")


def nobody(stage, side, how):
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    stage.case.addCleanup(listener.close)
    port = listener.getsockname()[1]
    if how == "refused":
        port = process.free_port()
    if how == "black_hole":  # the queue is full: further connections are not answered
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            stage.case.addCleanup(filler.close)
    stage.reach(side, f"127.0.0.1:{port}")
    stage.heal_source = lambda: straight_again(stage)


def hangs_up(stage):
    for registry in (stage.source, stage.destination):
        registry.rule("*", "/", faults.HangUp())


def bad_line(stage, **line):
    for side in ("source", "destination"):
        proxy = BadLine(getattr(stage, side).port, **line)
        stage.case.addCleanup(proxy.stop)
        stage.reach(side, proxy.host)


def bad_proxy(stage, status, https):
    """Requests get to the proxy, and nowhere without it."""
    proxy = Server(lambda request: request.body() and None or Response.of(status, Proxy_Authenticate='Basic realm="x"'))
    stage.case.addCleanup(proxy.stop)
    if https:
        for side in ("source", "destination"):
            stage.serve(side, tls=stage.authority.server())
    else:
        for side in ("source", "destination"):
            stage.options += ["--plain-http", getattr(stage, side).host]
    host = proxy.host if status else f"127.0.0.1:{process.free_port()}"
    stage.env["https_proxy" if https else "http_proxy"] = f"http://{host}"
    stage.heal_source = lambda: straight_again(stage)


def never_direct(stage, _):
    stage.case.assertEqual(stage.source.journal + stage.destination.journal, [])


def bad_certificate(stage, kind, side):
    options = {"tls": {
        "expired": stage.authority.expired, "wrong_host": stage.authority.wrong_host,
        "self_signed": lambda: certificates.self_signed(stage.case.directory / "self"),
        "wrong_usage": lambda: stage.authority.issue("usage", usage="clientAuth"),
    }.get(kind, stage.authority.server)()}
    if kind == "tls_1_0":
        options["tls_version"] = ssl.TLSVersion.TLSv1
    stage.serve(side, **options)
    stage.judged = getattr(stage, side)
    stage.heal_source = lambda: stage.serve(side, tls=stage.authority.server())


def no_request_bytes(stage, _):
    stage.case.assertEqual(stage.judged.journal, [])
    stage.case.assertEqual(stage.judged.server.not_http, [])


def offers_http_2(stage):
    for side in ("source", "destination"):
        registry = stage.serve(side, tls=stage.authority.server())
        registry.server._context.set_alpn_protocols(["h2", "http/1.1"])


def frame(kind, stream, payload):
    """RFC 9113, section 4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + stream.to_bytes(4, "big") + payload


# An empty SETTINGS, as a server begins with, then the end of the connection, or of the first stream (CANCEL).
FRAMES = {"goaway": frame(4, 0, b"") + frame(7, 0, bytes(8)), "rst_stream": frame(4, 0, b"") + frame(3, 1, b"\0\0\0\x08")}


def http_2_frames(stage, side, kind):
    """A server that speaks HTTP/2 though nobody has asked it to: what it says is no answer, and is not asked for again."""
    offers_http_2(stage)
    method, path = ("GET", stage.blob) if side == "source" else ("PUT", stage.uploads)
    getattr(stage, side).rule(method, path, faults.Raw(lambda _: [FRAMES[kind]]))


ROWS = [
    Row(95, "a name that nobody knows", "TEMP", unknown_name, commands=(COPY,), options=QUICK,
        variants=named("source", "destination")),
    Row(95, "a name that flaps: NXDOMAIN, SERVFAIL, found", "NEW", flapping_name, commands=(COPY,), check=looked_up,
        variants={"nxdomain": ("n",), "servfail": ("s",), "both": ("ns",), "between": ("n.s",), "each": ("ns.ns",)}),
    Row(96, "AAAA dead, A alive", "NEW", by_name, commands=(COPY,)),
    Row(97, "IPv6 literal", "NEW", ipv6),
    Row(98, "connection refused, black hole, silence", "TEMP", nobody, commands=(COPY,), options=QUICK, variants={
        f"{side}_{how}": (side, how) for side in ("source", "destination") for how in ("refused", "black_hole", "silent")}),
    Row(99, "connections that end behind every answer", "NEW", hangs_up),
    Row(99, "a bad line", "NEW", lambda stage, line: bad_line(stage, **line), commands=(COPY,), variants={
        "slow": ({"delay": 0.02},), "narrow": ({"bytes_per_second": 2_000_000},), "cut": ({"cuts": (None, 5, 300, 3000)},)}),
    Row(100, "proxy down, or refusing", "TEMP", bad_proxy, host_wide=True, options=("--retries", "1"), check=never_direct, variants={
        f"{name}_{scheme}": (status, scheme == "https") for name, status in (("down", 0), ("407", 407), ("502", 502))
        for scheme in ("http", "https")}, expects={"407_http": "AUTH", "407_https": "AUTH"}),
    Row(101, "certificates and versions that are no good", "TLS", bad_certificate, host_wide=True, check=no_request_bytes, variants={
        f"{kind}_{side}": (kind, side) for side in ("source", "destination")
        for kind in ("expired", "wrong_host", "self_signed", "wrong_usage", "tls_1_0")}),
    Row(102, "HTTP/2 is offered, and not taken", "NEW", offers_http_2),
    Row(102, "GOAWAY, RST_STREAM where an answer of HTTP/1.1 belongs", "PROTO", http_2_frames, variants={
        f"{kind}_{side}": (side, kind) for kind in FRAMES for side in ("source", "destination")}),
]
