"""Names that lead nowhere, lines that break, proxies and certificates that are no good."""

import os
import pathlib
import socket
import ssl
import threading
import time

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


def preload(stage):
    """The library of flapping_names.cc before the program, which tells all that the program connects to. It stands beside the
    program, where the build has put it."""
    library = pathlib.Path(stage.program.binary).resolve().parents[2] / "tests/libflapping_names.so"
    stage.look_ups, stage.connects = stage.case.directory / "look-ups", stage.case.directory / "connects"
    stage.env.update({
        "LD_PRELOAD": str(library), "FREIGHTLINER_FLAPPING_LOG": str(stage.look_ups),
        "FREIGHTLINER_CONNECT_LOG": str(stage.connects),
        # What stands before the runtime of AddressSanitizer is none of its business.
        "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"})


def connects(stage, address, port):
    """How often the program began to connect to that."""
    lines = stage.connects.read_text().splitlines() if stage.connects.exists() else []
    return lines.count(f"{address} {port}")


def flapping_name(stage, script, sides=("source", "destination"), plain_http=True):
    """Found at some look-ups and not at others, as `script` says."""
    preload(stage)
    stage.script = stage.env["FREIGHTLINER_FLAPPING"] = script
    for side in sides:
        host = f"{side}.flapping.test:{getattr(stage, side).port}"
        getattr(stage, side).realm = f"http://{host}/token"
        stage.options += ["--plain-http", host] if plain_http else []
        stage.reach(side, host)
    stage.heal_source = lambda: straight_again(stage)


def looked_up(stage, _):
    """Once more after each failure, and for each of the two names."""
    seen = stage.look_ups.read_text()
    stage.case.assertEqual(seen[:len(stage.script)], stage.script)
    stage.case.assertEqual(seen.count("."), 2, "found names are kept")


def no_name_server(stage, letter):
    """No look-up finds the name."""
    flapping_name(stage, letter * 100, sides=("source",))


def looked_up_twice(stage, _):
    """Once more, as --retries says."""
    stage.case.assertEqual(stage.look_ups.read_text(), stage.script[:2])


def no_tls(stage, side):
    """Plain http, on a host that is not of loopback by its name."""
    flapping_name(stage, "", sides=(side,), plain_http=False)
    stage.judged = getattr(stage, side)


def one_hello(stage, _):
    """It got what begins TLS, and never plain http."""
    stage.case.assertEqual(stage.judged.journal, [])
    stage.case.assertEqual(len(stage.judged.server.not_http), 1)
    stage.case.assertEqual(stage.judged.server.not_http[0][:2], b"\x16\x03")


def dead_aaaa(stage):
    """Both names are at ::1, where nobody answers, and at 127.0.0.1."""
    for side in ("source", "destination"):
        fill_queue(stage, listener_beside(stage, side))
    flapping_name(stage, "6" * 100)


def listener_beside(stage, side):
    """At ::1, with the port of the registry; where somebody else has it there, the registry gets another one."""
    for _ in range(10):
        try:
            return listener(stage, "::1", getattr(stage, side).port)
        except OSError as error:
            taken = error
            stage.serve(side)
    raise taken


def fallback_was_quick(stage, result):
    """The dead address was tried, and the other one long before the time to connect was over."""
    for side in ("source", "destination"):
        port = getattr(stage, side).port
        stage.case.assertGreater(connects(stage, "::1", port), 0)
        stage.case.assertGreater(connects(stage, "127.0.0.1", port), 0)
    stage.case.assertEqual(set(stage.look_ups.read_text()), {"6"})
    stage.case.assertLess(result.seconds, 30)


def ipv6(stage):
    for side in ("source", "destination"):
        stage.serve(side, address="::1")


def listener(stage, address="127.0.0.1", port=0, backlog=0):
    """Nobody accepts what connects to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.create_server((address, port), family=family, backlog=backlog)
    stage.case.addCleanup(bound.close)
    return bound


def fill_queue(stage, bound):
    """Further connections are not even answered."""
    fillers = [socket.socket(bound.family) for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(bound.getsockname()[:2])
        stage.case.addCleanup(filler.close)
    return fillers


def nobody(stage, side, how, times=None):
    """For ever, or until the program has tried once more: then the first try has failed for good."""
    preload(stage)
    if how == "refused":
        bound, fillers = socket.socket(), []  # bound, but not listening
        bound.bind(("127.0.0.1", 0))
        stage.case.addCleanup(bound.close)
    else:
        bound = listener(stage, backlog=0 if how == "black_hole" else 16)
        fillers = fill_queue(stage, bound) if how == "black_hole" else []
    stage.dead_port = bound.getsockname()[1]
    host = f"127.0.0.1:{stage.dead_port}"
    stage.options += ["--plain-http", host]
    stage.reach(side, host)
    stage.heal_source = lambda: straight_again(stage)
    if times:
        open_at_second_try(stage, side, bound, fillers)


def open_at_second_try(stage, side, bound, fillers):
    def wait_and_open():
        while connects(stage, "127.0.0.1", stage.dead_port) < 2:
            if ended.wait(0.05):
                return
        for filler in fillers:
            filler.close()
        bound.listen(128)
        line = BadLine(getattr(stage, side).port, listener=bound)
        ended.wait()
        line.stop()

    ended = threading.Event()
    thread = threading.Thread(target=wait_and_open)
    stage.case.addCleanup(thread.join)
    stage.case.addCleanup(ended.set)
    thread.start()


def tried_three_times(stage, _):
    """Two retries, as a stage's runs have them."""
    stage.case.assertEqual(connects(stage, "127.0.0.1", stage.dead_port), 3)


def hangs_up(stage):
    for registry in (stage.source, stage.destination):
        registry.rule("*", "/", faults.HangUp())


def silence(_):
    while True:
        yield b""
        time.sleep(0.1)


def half_open(stage, fault, times):
    """Connections that are dead by a later request, and nobody has said so. `struck`: the requests that found out."""
    stage.struck = []
    for registry in (stage.source, stage.destination):
        rule = registry.rule("GET|HEAD", "/", fault, times=times)

        def applies(request, registry=registry, applies_to_any=rule.applies):
            if not used_before(registry, request) or not applies_to_any(request):
                return False
            stage.struck.append((registry, request))
            return True

        rule.applies = applies


def used_before(registry, request):
    return any(earlier.connection == request.connection for earlier in registry.journal[:request.number - 1])


def asked_on_another_connection(stage, _):
    stage.case.assertEqual({registry for registry, _ in stage.struck}, {stage.source, stage.destination})
    for registry, request in stage.struck:
        later = registry.requests(since=request.number)
        stage.case.assertNotIn(request.connection, [each.connection for each in later])
        stage.case.assertIn((request.method, request.target), [(each.method, each.target) for each in later])


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
    if stage.command == COPY:
        stage.case.assertEqual(stage.judged.server.connections, 1, "no retry")


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
    Row(95, "a name that no server finds", "TEMP", no_name_server, commands=(COPY,), options=QUICK,
        check=looked_up_twice, variants={"nxdomain": ("n",), "servfail": ("s",)}),
    # Who waits for the dead address first waits for a minute at least.
    Row(96, "AAAA dead, A alive", "NEW", dead_aaaa, commands=(COPY,), options=("--connect-timeout", "2m"),
        check=fallback_was_quick),
    Row(97, "IPv6 literal", "NEW", ipv6),
    Row(98, "connection refused, black hole, silence", "TEMP", nobody, commands=(COPY,), recovers=True, check=tried_three_times,
        options=("--connect-timeout", "1s", "--stall-timeout", "1s"),
        variants={f"{side}_{how}": (side, how) for side, how in (
            ("source", "refused"), ("source", "black_hole"), ("source", "silent"), ("destination", "refused"))},
        whole={f"destination_{how}": ("destination", how) for how in ("black_hole", "silent")}),
    Row(99, "connections that end behind every answer", "NEW", hangs_up),
    Row(99, "half-open connections", "NEW", half_open, options=("--stall-timeout", "1s"), check=asked_on_another_connection,
        variants={"reset": (faults.ResetOnRequest(), 2), "silent": (faults.Raw(silence), 1)}),
    Row(99, "a bad line", "NEW", lambda stage, line: bad_line(stage, **line), commands=(COPY,), variants={
        "slow": ({"delay": 0.02},), "narrow": ({"bytes_per_second": 2_000_000},), "cut": ({"cuts": (None, 5, 300, 3000)},)}),
    Row(100, "proxy down, or refusing", "TEMP", bad_proxy, host_wide=True, options=("--retries", "1"), check=never_direct, variants={
        f"{name}_{scheme}": (status, scheme == "https") for name, status in (("down", 0), ("407", 407), ("502", 502))
        for scheme in ("http", "https")}, expects={"407_http": "AUTH", "407_https": "AUTH"}),
    Row(101, "certificates and versions that are no good", "TLS", bad_certificate, host_wide=True, check=no_request_bytes, variants={
        f"{kind}_{side}": (kind, side) for side in ("source", "destination")
        for kind in ("expired", "wrong_host", "self_signed", "wrong_usage", "tls_1_0")}),
    Row("S25", "no TLS, and not on loopback: no plain http", "TLS", no_tls, commands=(COPY,), host_wide=True, check=one_hello,
        variants=named("source", "destination")),
    Row(102, "HTTP/2 is offered, and not taken", "NEW", offers_http_2),
    Row(102, "GOAWAY, RST_STREAM where an answer of HTTP/1.1 belongs", "PROTO", http_2_frames, variants={
        f"{kind}_{side}": (side, kind) for kind in FRAMES for side in ("source", "destination")}),
]
