"""S1 to S8, S20 to S25: who tries to get at logins and tokens."""

import json
import os

from cases_blob_read import second_is_not_asked
from cases_network import flapping_name
from cases_upload import within_one
from proxy import Forwarder, Tunnel
from registry import Account, Redirect
from row import COPY, TREE, Row, named
from support import faults, images

LOCAL_NAMES = ("IP:127.0.0.1", "IP:127.0.0.2", "DNS:localhost")


# --- S1 to S8: where a login goes


def realm_elsewhere(stage, tls):
    if tls:
        stage.serve("source", tls=stage.authority.issue("both", names=LOCAL_NAMES))
    stage.second_origin(address="127.0.0.2", tls=stage.authority.issue("second", names=LOCAL_NAMES) if tls else None)
    stage.source.login, stage.source.realm = "bearer", stage.others[-1].realm


def realm_by_another_name(stage, tls):
    """At the registry's own address, so that only the name forbids it."""
    if tls:
        stage.serve("source", tls=stage.authority.issue("both", names=LOCAL_NAMES))
    second = stage.second_origin(tls=stage.authority.issue("second", names=LOCAL_NAMES))
    stage.source.login, stage.source.realm = "bearer", second.realm.replace("127.0.0.1", "localhost")


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


def to_a_name(stage, address):
    """The source has that address; the name in the redirect leads to 127.0.0.1, as all do that the library knows."""
    flapping_name(stage, "")
    stage.source_reference = stage.destination_reference = None
    stage.serve("source", address=address)
    second = stage.second_origin()
    host = f"store.flapping.test:{second.server.port}"
    stage.options += ["--plain-http", host]
    stage.source.rule("GET", stage.blob, Redirect(lambda request: second.location(request).replace(second.host, host)))


def name_was_looked_up(stage, result):
    stage.case.assertEqual(stage.look_ups.read_text(), ".")
    if result.exit_code == 0:
        stage.case.assertTrue([request for request in stage.others[-1].journal if request.status == 200])
    else:
        second_is_not_asked(stage, result)
        stage.case.assertIn("loopback", result.stderr, result)


def redirected(stage, login, way, challenge):
    """A's blobs are at B: on another port, under another name, or over TLS; perhaps by way of B again, or back at A."""
    stage.source.login, stage.way = login, way
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
    """B gave the bytes, for a token of its own where it asks for one; or A did, where B has sent the client back."""
    second = stage.others[-1]
    served = [request for request in second.journal if request.status == 200 and request.path.startswith("/v2/")]
    if stage.way == "ABA":
        stage.case.assertEqual([request.status for request in second.journal], [307])
        served = [request for request in stage.source.requests("GET", stage.blob) if request.status == 200]
        stage.case.assertEqual(served[0].argument("back"), "1")
    elif second.challenge == "bearer":
        stage.case.assertTrue(all(second.tokens.good(request) for request in served))
    stage.case.assertTrue(served)
    stage.case.assertEqual(served[-1].body_sent, stage.layer_size)


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


# --- S20 to S25: credentials at home, proxies, plain http


def lookalikes_only(stage):
    path = stage.program.home / ".docker/config.json"
    auths = json.loads(path.read_text())["auths"]
    del auths[stage.source.host]
    path.write_text(json.dumps({"auths": auths}))


def helper(stage, name, script):
    """The source's login is with a helper; what it is to do stands in `script`."""
    path = stage.case.directory / f"bin/docker-credential-{name}"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    path.chmod(0o755)
    stage.env["PATH"] = f"{path.parent}:{os.environ['PATH']}"
    stage.secret_files.append(path)
    config = stage.program.home / ".docker/config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "credHelpers": {stage.source.host: name}}))


def broken_helper(stage, script):
    """Beside it stands a login that would do, and who has none would get a token as well."""
    stage.source.login, stage.source.tokens.anonymous = "bearer", True
    stage.asked = stage.case.directory / "asked"
    helper(stage, "broken", f"echo asked >>{stage.asked}\n{script}")
    if not script:
        (stage.case.directory / "bin/docker-credential-broken").unlink()
    stage.is_there = bool(script)


def no_fallback(stage, result):
    stage.case.assertEqual(stage.asked.exists(), stage.is_there)
    stage.case.assertIn("docker-credential-broken", result.stderr, result)
    stage.case.assertEqual(stage.source.tokens.asked, [])
    for request in stage.source.journal:
        stage.case.assertNotIn("Authorization", request.headers)


def user_information(stage, where):
    """A registry puts a login into a URL; it is somebody's secret, whoever wrote it there."""
    account = Account("userinfo")
    stage.more_accounts.append(account)
    second = stage.second
    url = f"http://{account.user}:{account.password}@{second.host}"
    stage.options += ["--log-level", "debug"]
    if where == "realm":
        stage.source.login, stage.source.realm = "bearer", f"{url}/token"
    elif where == "redirect":
        stage.source.rule("GET", stage.blob, Redirect(lambda request: f"{url}{request.path}"))
    else:
        stage.destination.rule("POST", stage.uploads, faults.SetHeader(Location=f"{url}/upload"))


def refused_for_it(stage, result):
    second_is_not_asked(stage, result)
    stage.case.assertIn("user information", result.stderr, result)


def redacted(stage):
    """Everything that is logged, signed URLs among it, while a helper looks at every command line of the machine."""
    stage.source.rule("GET", stage.blob, Redirect(stage.second.location))
    stage.options += ["--log-level", "debug"]
    stage.seen = stage.case.directory / "command-lines"
    account = stage.source.account
    helper(stage, "looks", f"cat /proc/[0-9]*/cmdline >{stage.seen} 2>/dev/null\n"
           f"""printf '{{"Username":"%s","Secret":"%s"}}' '{account.user}' '{account.password}'""")


def no_signature(stage, result):
    stage.case.assertNotIn("s3cret", result.stderr)
    stage.case.assertIn("signature", result.stderr, "the redirect was logged")
    stage.case.assertTrue(stage.seen.read_bytes())  # the oracle has looked for canaries in it


def readable_by_others(stage):
    (stage.program.home / ".docker/config.json").chmod(0o644)


def told_to_close_it(stage, result):
    stage.case.assertIn("config.json", result.stderr)


def behind(stage, proxy, scheme):
    """All goes through `proxy`, a redirect to another origin as well, and everything is logged."""
    stage.case.addCleanup(proxy.stop)
    stage.source.rule("GET", stage.blob, Redirect(stage.others[0].location))
    stage.more_accounts.append(proxy.account)
    stage.env[f"{scheme}_proxy"] = f"http://{proxy.account.user}:{proxy.account.password}@{proxy.host}"
    stage.options += ["--log-level", "debug"]
    stage.proxy = proxy


def through_a_proxy(stage):
    behind(stage, Forwarder((stage.source, stage.destination, stage.second)), "http")
    for server in (stage.source, stage.destination):
        stage.options += ["--plain-http", server.host]


def all_came_through_it(stage, _):
    behind = len(stage.source.journal) + len(stage.destination.journal) + len(stage.second.journal)
    stage.case.assertGreaterEqual(len(stage.proxy.journal), behind)


def past_a_proxy(stage):
    """The destination is exempt; that its requests carry nothing of the proxy's is judged of every run."""
    through_a_proxy(stage)
    host = f"localhost:{stage.destination.port}"
    stage.reach("destination", host)
    stage.options += ["--plain-http", host]
    stage.env["no_proxy"] = "localhost"


def only_the_source_came_through_it(stage, _):
    hosts = {request.target.removeprefix("http://").partition("/")[0] for request in stage.proxy.journal}
    stage.case.assertEqual(hosts, {stage.source.host, stage.second.host})
    stage.case.assertTrue(stage.destination.requests("PUT", stage.tag))


def through_a_tunnel(stage):
    for side in ("source", "destination"):
        stage.serve(side, tls=stage.authority.server())
    stage.second_origin(tls=stage.authority.server())
    behind(stage, Tunnel(), "https")
    stage.others.append(stage.proxy)  # no login of a registry may come to it


def connections_came_through_it(stage, _):
    """No request but CONNECT, for each of the three servers, and none with a login that is not the proxy's."""
    servers = (stage.source, stage.destination, stage.others[0])
    stage.case.assertEqual({request.method for request in stage.proxy.journal}, {"CONNECT"})
    stage.case.assertEqual({request.target for request in stage.proxy.journal}, {server.host for server in servers})
    for request in stage.proxy.journal:
        stage.case.assertNotIn("Authorization", request.headers)
    for server in servers:
        stage.case.assertTrue(server.journal)
        for request in server.journal:
            stage.case.assertNotIn("Proxy-Authorization", request.headers)


def nothing_before_http_is_known(stage, _):
    """https is tried first; the first request over http carries no login yet."""
    for registry in (stage.source, stage.destination):
        stage.case.assertTrue(registry.server.not_http[0].startswith(b"\x16\x03"))
        stage.case.assertNotIn("Authorization", registry.journal[0].headers)


WAYS = ("port", "host", "scheme", "ABB", "ABA")

ROWS = [
    Row("S1", "realm on another host", "AUTH|PROTO", realm_elsewhere, variants={"http": (False,), "https": (True,)},
        check=second_is_not_asked, host_wide=True),
    Row("S1", "realm under another name of the same address", "AUTH", realm_by_another_name, check=second_is_not_asked, host_wide=True,
        variants={"http": (False,), "https": (True,)}),
    Row("S2", "realm over http, or with a bad certificate", "TLS", realm_worse, variants={"http": (False,), "expired": (True,)},
        expects={"http": "PROTO"}, check=second_is_not_asked, host_wide=True),
    Row("S3", "realm that redirects to a local address", "PROTO", realm_redirects, variants=named("127.0.0.1", "127.0.0.2"),
        check=second_is_not_asked, host_wide=True),
    Row("S3", "redirect to a local address", "PROTO", to_local, variants=named(
        "http://127.0.0.2:1/x", "http://169.254.169.254/latest/meta-data", "http://[::1]:1/", "http://0.0.0.0:1/",
        "http://[::ffff:127.0.0.2]:1/", "http://2130706434:1/", "http://100.100.100.200/")),
    Row("S3", "redirect to a name at a local address, which may be the registry's own", "PROTO", to_a_name,
        variants=named("::1", "127.0.0.1"), expects={"127.0.0.1": "NEW"}, check=name_was_looked_up),
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
    Row("S20", "logins of hosts that look alike", "AUTH", lookalikes_only, host_wide=True),
    Row("S21", "a helper that fails, and nothing is tried in its place", "AUTH", broken_helper, host_wide=True, check=no_fallback,
        variants={"missing": ("",), "fails": ("echo locked >&2; exit 1",), "garbage": ("echo '<html>'",), "silent": ("exit 0",),
                  "endless": ("exec yes",)}),
    Row("S22", "a login in the URL of a redirect", "PROTO", user_information, check=refused_for_it, variants={"": ("redirect",)}),
    Row("S22", "a login in the URL of a token server", "PROTO", user_information, check=refused_for_it, host_wide=True,
        variants={"": ("realm",)}),
    Row("S22", "a login in the URL of an upload", "PROTO", user_information, check=refused_for_it, sessions_stay=True,
        variants={"": ("location",)}),
    Row("S22", "secrets in logs and command lines", "NEW", redacted, check=no_signature),
    Row("S23", "credential file that others can read", "NEW", readable_by_others, check=told_to_close_it),
    Row("S24", "a proxy's login goes to the proxy alone", "NEW", through_a_proxy, check=all_came_through_it, max_requests=300),
    Row("S24", "a host that is exempt from the proxy", "NEW", past_a_proxy, commands=(COPY,), max_requests=300,
        check=only_the_source_came_through_it),
    Row("S24", "a proxy's login goes into CONNECT alone", "NEW", through_a_tunnel, check=connections_came_through_it),
    Row("S25", "https first, and no login before http is known", "NEW", lambda stage: None, check=nothing_before_http_is_known),
]
