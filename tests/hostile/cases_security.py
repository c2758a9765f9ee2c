"""S1 to S25: who tries to get at secrets, memory, files or the terminal."""

import itertools
import json
import os

from cases_blob_read import endless, second_is_not_asked
from cases_upload import within_one
from registry import Account, Redirect
from row import COPY, TREE, Row, named
from support import faults, images
from support.wire import Response, Server

LOCAL_NAMES = ("IP:127.0.0.1", "IP:127.0.0.2", "DNS:localhost")
LAYER = {"mediaType": images.OCI_LAYER, "digest": images.digest_of(b"x"), "size": 1}
CONFIG = {"mediaType": images.OCI_CONFIG, "digest": images.digest_of(b"c"), "size": 1}
MANIFEST = {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}


# --- S1 to S8: where a login goes


def realm_elsewhere(stage, tls):
    if tls:
        stage.serve("source", tls=stage.authority.issue("both", names=LOCAL_NAMES))
    stage.second_origin(address="127.0.0.2", tls=stage.authority.issue("second", names=LOCAL_NAMES) if tls else None)
    stage.source.login, stage.source.realm = "bearer", stage.others[-1].realm


def realm_worse(stage, certificate):
    stage.serve("source", tls=stage.authority.server())
    stage.second_origin(tls=stage.authority.expired() if certificate else None)
    stage.source.login, stage.source.realm = "bearer", stage.others[-1].realm


def realm_redirects(stage, address):
    stage.source.login = "bearer"
    stage.second_origin(address=address)
    stage.source.rule("GET", "^/token", Redirect(lambda _: f"{stage.others[-1].realm}", 302))


def to_local(stage, location):
    stage.source.rule("GET", stage.blob, Redirect(lambda _: location))


def redirected(stage, login, way, challenge):
    """A's blobs are at B: on another port, under another name, or over TLS; perhaps by way of B again, or back at A."""
    stage.source.login = login
    second = stage.second_origin(challenge=challenge, tls=stage.authority.server() if way == "scheme" else None)
    second.realm = second.realm.replace("127.0.0.1", "localhost") if way == "host" else second.realm
    base = second.url.replace("127.0.0.1", "localhost") if way == "host" else second.url
    stage.source.rule("GET", stage.blob, Redirect(lambda request: f"{base}/store{request.path}?signature=s3cret"), nth=1)
    if way == "ABB":
        second.rule("GET", "/store/", Redirect(lambda request: f"{base}{request.path}?again=1"), nth=1)
    if way == "ABA":
        second.rule("GET", "/store/", Redirect(lambda request: f"{stage.source.url}{request.path.removeprefix('/store')}?back=1"),
                    nth=1)


def second_served(stage, _):
    stage.case.assertTrue([request for request in stage.others[-1].journal if request.status in (200, 307, 401)])


def location_elsewhere(stage, kind):
    if kind == "downgrade":
        stage.serve("destination", tls=stage.authority.server())
    stage.second_origin(stage.destination, address="127.0.0.2" if kind == "local" else "127.0.0.1")
    base = f"{stage.others[-1].url}/store"

    class Away(faults.Fault):
        def after(self, request, response):
            response.headers.set("Location", base + response.headers.get("Location"))
            return response

    stage.destination.rule("POST", stage.uploads, Away())


def bodies_came_elsewhere(stage, _):
    second = stage.others[-1]
    stage.case.assertEqual(sum(request.method == "PUT" and request.status == 201 for request in second.journal),
                           len(stage.image.blobs))


def foreign_layer(stage):
    second = stage.second_origin(challenge="basic")
    stage.give(images.with_foreign_layer(url=f"{second.url}/layer"))


def link_elsewhere(stage, kind):
    second = stage.second_origin()
    link = {"second": f"<{second.url}/v2/app/tags/list?last=x>; rel=\"next\"",
            "itself": "</v2/app/tags/list>; rel=\"next\""}[kind]
    stage.source.rule("GET", stage.tags_list, faults.SetHeader(Link=link))


def two_accounts(stage):
    reader = Account("reader")
    stage.destination.more_accounts.append(reader)
    within_one(stage, None)
    password = stage.case.directory / "reader-password"
    password.write_text(reader.password)
    stage.secret_files.append(password)
    stage.options += ["--src-username", reader.user, "--src-password-file", password]


def nothing_mounted(stage, _):
    mounts = [request.target for request in stage.destination.requests("POST", stage.uploads)
              if request.argument("from") == "donor"]
    stage.case.assertEqual(mounts, [])


# --- S9 to S14: what is believed


def pinned(stage):
    stage.source_reference = f"docker://{stage.source.host}/app@{stage.image.digest}"
    path = f"{stage.manifests}{stage.image.digest}"
    stage.source.rule("GET", path, faults.ReplaceBody(images.single("evil", layers=1).bytes))
    stage.source.rule("GET|HEAD", path, faults.SetHeader(Docker_Content_Digest=stage.image.digest))


def served(stage, document):
    body = document if isinstance(document, bytes) else images.to_json(document)
    stage.source.rule("GET|HEAD", stage.tag, faults.json_answer(body, content_type=images.OCI_MANIFEST))


def with_digest(digest):
    return {**MANIFEST, "layers": [{**LAYER, "digest": digest}]}


def digest_headers(stage, value):
    stage.source.rule("GET|HEAD", stage.manifests, faults.SetHeader(Docker_Content_Digest=value))
    stage.destination.rule("GET|HEAD|PUT", stage.manifests, faults.SetHeader(Docker_Content_Digest=value))
    stage.destination.rule("PUT", stage.uploads, faults.SetHeader(Docker_Content_Digest=value))


def type_flips(stage):
    """HEAD and GET of one tag disagree about what it is."""
    stage.source.rule("HEAD", stage.tag, faults.SetHeader(Content_Type=images.OCI_INDEX))
    stage.source.rule("GET", stage.tag, faults.SetHeader(Content_Type=images.OCI_MANIFEST))


def endless_of(status):
    def pieces(_):
        yield f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        while True:
            yield b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    return faults.Raw(pieces)


def endless_headers(_):
    yield b"HTTP/1.1 200 OK\r\n"
    for number in itertools.count():
        yield f"X-{number}: {'y' * 1000}\r\n".encode()


def endless_answer(stage, side, method, path, fault):
    stage.source.login = stage.destination.login = "bearer"
    getattr(stage, side).rule(method, path if path.startswith("^") else getattr(stage, path), fault)


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


def deep(stage, where):
    body = b"[" * 100_000
    if where == "manifest":
        served(stage, body)
    elif where == "error":
        stage.source.rule("GET|HEAD", stage.tag, faults.Answer(404, body))
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


def bad_tags(stage):
    names = ["v1", "../x", "a/b", "nul\0", "-x", "\x1b[31mred", "x" * 129, "bidi\u202e"]
    body = json.dumps({"name": "app", "tags": names}).encode()
    stage.source.rule("GET", stage.tags_list, faults.json_answer(body))


def only_good_tags(stage, _):
    asked = [request.target for request in stage.source.requests("GET|HEAD", stage.manifests)]
    stage.case.assertFalse([target for target in asked if "x" * 129 in target or "red" in target or "nul" in target], asked)


def escapes(stage, where):
    text = "\x1b]0;owned\x07 \u202e \x9b31m\r\n"
    if where == "error":
        body = json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode()
        stage.source.rule("GET|HEAD", stage.tag, faults.Answer(403, body))
    elif where == "warning":
        stage.source.rule("GET|HEAD", "/", faults.SetHeader(Warning='299 - "a\x1b[31mb\x9b"'))
    else:
        image = images.single("annotated", layers=1, annotations={"org.opencontainers.image.title": text})
        stage.give(image)


# --- S20 to S25: credentials at home, proxies, plain http


def lookalikes_only(stage):
    path = stage.program.home / ".docker/config.json"
    auths = json.loads(path.read_text())["auths"]
    del auths[stage.source.host]
    path.write_text(json.dumps({"auths": auths}))


def redacted(stage):
    """Everything that is logged, signed URLs among it, while a helper looks at every command line of the machine."""
    stage.source.rule("GET", stage.blob, Redirect(stage.second.location))
    stage.options += ["--log-level", "debug"]
    helper = stage.case.directory / "bin/docker-credential-looks"
    helper.parent.mkdir()
    stage.seen = stage.case.directory / "command-lines"
    account = stage.source.account
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\ncat /proc/[0-9]*/cmdline >{stage.seen} 2>/dev/null\n"
                      f"""printf '{{"Username":"%s","Secret":"%s"}}' '{account.user}' '{account.password}'\n""")
    helper.chmod(0o755)
    stage.env["PATH"] = f"{helper.parent}:{os.environ['PATH']}"
    path = stage.program.home / ".docker/config.json"
    document = json.loads(path.read_text())
    del document["auths"][stage.source.host]
    path.write_text(json.dumps({**document, "credHelpers": {stage.source.host: "looks"}}))
    stage.secret_files.append(helper)


def no_signature(stage, result):
    stage.case.assertNotIn("s3cret", result.stderr)
    stage.case.assertIn("signature", result.stderr, "the redirect was logged")
    stage.case.assertTrue(stage.seen.read_bytes())  # the oracle has looked for canaries in it


def readable_by_others(stage):
    (stage.program.home / ".docker/config.json").chmod(0o644)


def told_to_close_it(stage, result):
    stage.case.assertIn("config.json", result.stderr)


class Forwarder:
    """A proxy for plain http that wants a login."""

    def __init__(self, stage):
        self.account = Account("proxy")
        self.behind = {server.host: server for server in (stage.source, stage.destination, stage.second)}
        self.server = Server(self.handle)
        self.host = self.server.host
        stage.case.addCleanup(self.server.stop)

    @property
    def journal(self):
        return self.server.journal

    def handle(self, request):
        if request.headers.get("Proxy-Authorization") != f"Basic {self.account.basic}":
            request.body()
            return Response.of(407, Proxy_Authenticate='Basic realm="proxy"')
        host = request.target.removeprefix("http://").partition("/")[0]
        request.headers.remove("Proxy-Authorization")  # as a proxy does before it passes a request on
        request.path = "/" + request.path.removeprefix("http://").partition("/")[2]
        server = self.behind[host]
        with server.server.lock:
            server.journal.append(request)
        return server._handle(request)


def through_a_proxy(stage):
    proxy = Forwarder(stage)
    stage.source.rule("GET", stage.blob, Redirect(stage.second.location))
    stage.more_accounts.append(proxy.account)
    stage.env["http_proxy"] = f"http://{proxy.account.user}:{proxy.account.password}@{proxy.host}"
    for server in (stage.source, stage.destination):
        stage.options += ["--plain-http", server.host]
    stage.proxy = proxy


def all_came_through_it(stage, _):
    behind = len(stage.source.journal) + len(stage.destination.journal) + len(stage.second.journal)
    stage.case.assertGreaterEqual(len(stage.proxy.journal), behind)


def nothing_before_http_is_known(stage, _):
    """https is tried first; the first request over http carries no login yet."""
    for registry in (stage.source, stage.destination):
        stage.case.assertTrue(registry.server.not_http[0].startswith(b"\x16\x03"))
        stage.case.assertNotIn("Authorization", registry.journal[0].headers)


WAYS = ("port", "host", "scheme", "ABB", "ABA")
BAD_DIGESTS = {
    "climbs": "sha256:../../etc/passwd", "upper_case": LAYER["digest"].upper(), "short": "sha256:abc", "md5": "md5:" + "0" * 32,
    "empty": "", "long": LAYER["digest"] + "0", "no_algorithm": LAYER["digest"][7:], "space": LAYER["digest"] + " ",
}

ROWS = [
    Row("S1", "realm on another host", "AUTH|PROTO", realm_elsewhere, variants={"http": (False,), "https": (True,)},
        check=second_is_not_asked, host_wide=True),
    Row("S2", "realm over http, or with a bad certificate", "TLS", realm_worse, variants={"http": (False,), "expired": (True,)},
        expects={"http": "PROTO"}, check=second_is_not_asked, host_wide=True),
    Row("S3", "realm that redirects to a local address", "PROTO", realm_redirects, variants=named("127.0.0.1", "127.0.0.2"),
        check=second_is_not_asked, host_wide=True),
    Row("S3", "redirect to a local address", "PROTO", to_local, variants=named(
        "http://127.0.0.2:1/x", "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://0.0.0.0:1/",
        "http://[::ffff:127.0.0.2]:1/", "http://2130706434:1/", "http://100.100.100.200/")),
    Row("S4", "redirect to another origin", "NEW", redirected, check=second_served, variants={
        f"{login}_{way}": (login, way, "bearer") for login in ("basic", "bearer") for way in WAYS},
        whole={f"{login}_{way}_open": (login, way, "none") for login in ("basic", "bearer") for way in WAYS}),
    Row("S4", "redirect to an origin that wants a password", "AUTH", redirected, variants={
        f"{login}_{way}": (login, way, "basic") for login in ("basic", "bearer") for way in ("port", "host", "scheme")}),
    Row("S5", "upload Location on another host", "NEW", location_elsewhere, variants=named("second"),
        check=bodies_came_elsewhere),
    Row("S5", "upload Location at a worse place", "PROTO", location_elsewhere, variants=named("local", "downgrade"),
        expects={"downgrade": "TLS"}, check=second_is_not_asked, sessions_stay=True),
    Row("S6", "foreign layer's urls", "NEW", foreign_layer, check=second_is_not_asked),
    Row("S7", "pages on another host, pages without end", "PROTO", link_elsewhere, commands=(TREE,), check=second_is_not_asked,
        variants=named("second", "itself")),
    Row("S8", "no mount across accounts", "NEW", two_accounts, commands=(COPY,), check=nothing_mounted),
    Row("S9", "other bytes under a pinned digest", "INTEG", pinned, commands=(COPY,)),
    Row("S10", "digests in a manifest that are none", "PROTO", lambda stage, digest: served(stage, with_digest(digest)),
        variants={name: (digest,) for name, digest in BAD_DIGESTS.items()}),
    Row("S10", "digests in headers that are none", "NEW", digest_headers, variants={
        name: (digest,) for name, digest in BAD_DIGESTS.items() if name != "space"}),
    Row("S11", "manifests that could be either kind", "PROTO", served, variants={
        "both": ({**MANIFEST, "manifests": []},), "another_type": ({**MANIFEST, "mediaType": images.OCI_INDEX},),
        "duplicate_key": (images.to_json(MANIFEST).replace(b'"layers":', b'"layers":[],"layers":'),)}),
    Row("S11", "the type flips between two requests", "PROTO", type_flips),
    Row("S12", "bodies without end", "PROTO", endless_answer, host_wide=True, max_requests=400, sessions_stay=True, variants={
        "manifest": ("source", "GET", "tag", endless_of(200)), "error": ("source", "GET|HEAD", "tag", endless_of(404)),
        "token": ("source", "GET", "^/token", endless_of(200)), "post": ("destination", "POST", "uploads", endless_of(202)),
        "put": ("destination", "PUT", "tag", endless_of(201)), "headers": ("source", "GET|HEAD", "tag", faults.Raw(endless_headers)),
        "blob": ("source", "GET", "blob", faults.Raw(endless))}, expects={"blob": "INTEG", "error": "NF"}),
    Row("S12", "lists without end", "PROTO", endless_answer, commands=(TREE,), host_wide=True, variants={
        "tags": ("source", "GET", "tags_list", endless_of(200)), "catalog": ("source", "GET", "^/v2/_catalog", endless_of(200))}),
    Row("S13", "gzip in gzip, five times", "NEW", lambda stage: stage.give(bomb())),
    Row("S14", "100,000 brackets", "PROTO", deep, host_wide=True, variants=named("manifest", "error", "token"),
        expects={"error": "NF"}),
    Row("S16", "the source's file changes while it is read", "NEW|INTEG|LOCAL", swapped, commands=(COPY,)),
    Row("S18", "tags that are none", "NEW", bad_tags, commands=(TREE,), check=only_good_tags),
    Row("S19", "terminal escapes", "NEW", escapes, variants=named("error", "warning", "annotation"), expects={"error": "DENY"}),
    Row("S20", "logins of hosts that look alike", "AUTH", lookalikes_only, host_wide=True),
    Row("S22", "secrets in logs and command lines", "NEW", redacted, check=no_signature),
    Row("S23", "credential file that others can read", "NEW", readable_by_others, check=told_to_close_it),
    Row("S24", "a proxy's login goes to the proxy alone", "NEW", through_a_proxy, check=all_came_through_it, max_requests=300),
    Row("S25", "https first, and no login before http is known", "NEW", lambda stage: None, check=nothing_before_http_is_known),
]
