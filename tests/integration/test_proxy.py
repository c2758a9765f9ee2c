"""Proxies from the environment, through Debian's tinyproxy: used where they apply, passed by where NO_PROXY says so, and never
replaced by a direct connection."""

import pathlib
import socket
import tempfile
import unittest

from support import certificates, faults, images, process
from support.case import AUTHENTICATION, PROTOCOL, TEMPORARY, Case, at


class Tinyproxy:
    def __init__(self, directory, users=None):
        self.log_file = pathlib.Path(directory) / "proxy.log"
        configuration = pathlib.Path(directory) / "tinyproxy.conf"
        for _ in range(5):
            self.port = process.free_port()
            lines = [f"Port {self.port}", "Listen 127.0.0.1", "Timeout 60", "MaxClients 50", "LogLevel Connect",
                     f'LogFile "{self.log_file}"', "Allow 127.0.0.1"]
            lines += [f"BasicAuth {user} {password}" for user, password in (users or {}).items()]
            configuration.write_text("\n".join(lines) + "\n")
            self._process = process.spawn(["tinyproxy", "-d", "-c", configuration], stdout=process.subprocess.DEVNULL,
                                          stderr=process.subprocess.DEVNULL)
            try:
                process.wait_until(self._listens, 5, what="tinyproxy")
                return
            except TimeoutError:
                self.stop()
        raise RuntimeError("tinyproxy does not start")

    def _listens(self):
        if self._process.poll() is not None:
            raise TimeoutError("tinyproxy ended")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self):
        return [line for line in self.log_file.read_text().splitlines() if "Request (file descriptor" in line]

    def stop(self):
        process.stop(self._process)


class Proxy(Case):
    def setUp(self):
        super().setUp()
        self.image = images.single(layers=2)
        self.source, self.destination = self.registry(), self.registry()
        self.push(self.source, self.image, "a", "v1")
        self.source.mark()

    def proxy(self, **options):
        directory = tempfile.TemporaryDirectory(prefix="fl-proxy-", dir=self.directory)
        self.addCleanup(directory.cleanup)
        proxy = Tinyproxy(directory.name, **options)
        self.addCleanup(proxy.stop)
        return proxy

    def references(self):
        return at(self.source, "a", "v1"), at(self.destination, "a", "v1")

    def plain(self):
        return "--plain-http", self.source.host, "--plain-http", self.destination.host

    def test_http_goes_through_it(self):
        proxy = self.proxy()
        self.copy(*self.references(), *self.plain(), env={"http_proxy": proxy.url})
        self.assert_whole(self.destination, "a", "v1", self.image)
        self.assertGreaterEqual(len(proxy.requests), 2)

    def test_https_goes_through_a_tunnel(self):
        authority = certificates.CertificateAuthority(self.directory / "authority")
        server = authority.server()
        registry = self.registry(tls=server)
        self.push(registry, self.image, "a", "v1", ca=authority.certificate)
        proxy = self.proxy()
        self.copy(at(registry, "a", "v1"), f"oci:{self.directory / 'out'}:v1", "--ca-file", authority.certificate,
                  env={"https_proxy": proxy.url})
        self.assertTrue(any("CONNECT" in line for line in proxy.requests), proxy.requests)

    def test_no_proxy_passes_it_by(self):
        proxy = self.proxy()
        self.copy(*self.references(), *self.plain(), env={"http_proxy": proxy.url, "no_proxy": "127.0.0.1"})
        self.assertEqual(proxy.requests, [])

    def test_a_proxy_on_loopback_opens_nothing_behind_it(self):
        """Its address is not the registry's: a redirect to this machine is refused as it is without a proxy."""
        registry, local = self.scripted(address="127.0.0.3"), self.scripted()
        registry.load(self.image, "a", "v1")
        registry.rule("GET", "/blobs/", faults.Answer(307, Location=f"{local.url}/secret"))
        proxy = self.proxy()
        for name, env in (("direct", {}), ("proxy", {"http_proxy": proxy.url})):
            with self.subTest(name):
                self.refuse_copy(PROTOCOL, at(registry, "a", "v1"), f"oci:{self.directory / name}:v1", "--plain-http",
                                 registry.host, env=env, words="refused to contact")
                self.assertEqual(local.journal, [])
        self.assertGreaterEqual(len(proxy.requests), 1)

    def test_a_dead_proxy_is_never_replaced_by_a_direct_connection(self):
        self.refuse_copy(TEMPORARY, *self.references(), *self.plain(), "--retries", "1",
                         env={"http_proxy": f"http://127.0.0.1:{process.free_port()}"})
        self.assertEqual(self.source.requests(), [])

    def test_its_credentials(self):
        proxy = self.proxy(users={"me": "secret"})
        result = self.refuse_copy(AUTHENTICATION, *self.references(), *self.plain(), env={"http_proxy": proxy.url})
        self.assertIn("407", result.stderr)
        with_user = proxy.url.replace("http://", "http://me:secret@")
        self.copy(*self.references(), *self.plain(), env={"http_proxy": with_user})
        self.assert_whole(self.destination, "a", "v1", self.image)


if __name__ == "__main__":
    unittest.main()
