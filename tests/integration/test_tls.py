"""Certificates, and the one place where http is found out by itself."""

import ssl
import unittest

from support import certificates, faults, images
from support.case import TLS, Case, at


class TlsCase(Case):
    def setUp(self):
        super().setUp()
        self.authority = certificates.CertificateAuthority(self.directory / "authority")
        self.image = images.single()
        self.layout = images.write_layout(self.image, self.directory / "layout", "v1")
        self.source = f"oci:{self.layout}:v1"

    def arrived(self, registry, tag="v1"):
        self.assert_whole(registry, "a", tag, self.image, ca=self.authority.certificate)


class PrivateAuthority(TlsCase):
    def setUp(self):
        super().setUp()
        self.destination = self.registry(tls=self.authority.server())

    def test_a_ca_file(self):
        self.copy(self.source, at(self.destination, "a", "v1"), "--ca-file", self.authority.certificate)
        self.arrived(self.destination)

    def test_a_name_and_an_address(self):
        self.copy(self.source, f"docker://localhost:{self.destination.port}/a:v1", "--ca-file", self.authority.certificate)
        self.arrived(self.destination)

    def test_a_certificate_directory(self):
        directory = self.directory / "certs.d" / self.destination.host
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(self.authority.certificate.read_bytes())
        self.copy(self.source, at(self.destination, "a", "v1"), "--cert-dir", directory.parent)
        self.arrived(self.destination)

    def test_without_it_nothing_is_asked(self):
        self.destination.mark()
        self.refuse_copy(TLS, self.source, at(self.destination, "a", "v1"), words=self.destination.host)
        self.assertEqual(self.destination.requests(), [])

    def test_another_authority_does_not_do(self):
        other = certificates.CertificateAuthority(self.directory / "other", name="Other CA")
        self.refuse_copy(TLS, self.source, at(self.destination, "a", "v1"), "--ca-file", other.certificate)

    def test_insecure_names_a_host(self):
        self.refuse_copy(TLS, self.source, at(self.destination, "a", "v1"), "--insecure-tls", "registry.example.org")
        self.refuse_copy(TLS, self.source, at(self.destination, "a", "v1"), "--insecure-tls", "127.0.0.1:1")
        self.copy(self.source, at(self.destination, "a", "v1"), "--insecure-tls", self.destination.host)
        self.arrived(self.destination)

    def test_a_bad_ca_file(self):
        bad = self.directory / "bad.pem"
        bad.write_text("no certificate")
        for path in (bad, self.directory / "none.pem"):
            self.refuse_copy((2, 5, 10, 11), self.source, at(self.destination, "a", "v1"), "--ca-file", path, words=str(path))

    def test_registry_to_registry_over_https(self):
        self.copy(self.source, at(self.destination, "a", "v1"), "--ca-file", self.authority.certificate)
        second = self.registry(tls=self.authority.server())
        self.copy(at(self.destination, "a", "v1"), at(second, "a", "v1"), "--ca-file", self.authority.certificate)
        self.arrived(second)


class SharedSessions(TlsCase):
    """Workers share libcurl's TLS sessions, and each uses its connections again."""

    def test_handshakes_are_resumed_and_connections_used_again(self):
        many = images.single(layers=24, layer_size=50_000)
        layout = images.write_layout(many, self.directory / "many", "v1")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                registry = self.scripted(tls=self.authority.server(), tls_version=version)
                # Answers that take a moment: else one worker would be done before the next one begins.
                registry.rule("POST", "/blobs/uploads/", faults.Delay(0.02))
                self.copy(f"oci:{layout}:v1", at(registry, "a", "v1"), "--jobs", "6", "--ca-file", self.authority.certificate)
                self.assert_whole(registry, "a", "v1", many)
                server = registry.server
                self.assertGreater(server.connections, 1)
                self.assertLessEqual(server.connections, 2 * 6)
                self.assertGreater(len(server.journal), 3 * server.connections)
                # The first request, for the tag, is answered before any worker begins. OpenSSL takes a ticket of TLS 1.3 as used up
                # once a handshake with it is done, and the next comes with that connection's first answer: who begins in between
                # goes without.
                if version == ssl.TLSVersion.TLSv1_2:
                    self.assertEqual(server.resumed, server.connections - 1)
                self.assertGreaterEqual(server.resumed, server.connections // 2)


class BadCertificates(TlsCase):
    def test_refused_without_a_request_or_a_retry(self):
        for name, certificate in (
            ("expired", self.authority.expired()),
            ("wrong host", self.authority.wrong_host()),
            ("self-signed", certificates.self_signed(self.directory / "self")),
            ("wrong usage", self.authority.issue("usage", usage="clientAuth")),
        ):
            with self.subTest(certificate=name):
                server = self.scripted(tls=certificate)
                result = self.refuse_copy(TLS, self.source, at(server, "a", "v1"), "--ca-file", self.authority.certificate,
                                          words=server.host)
                self.assertLess(result.seconds, 5)
                self.assertEqual(server.journal, [])
                self.assertEqual(server.server.connections, 1)

    def test_old_versions(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with self.subTest(version=version.name):
                server = self.scripted(tls=self.authority.server(), tls_version=version)
                self.refuse_copy(TLS, self.source, at(server, "a", "v1"), "--ca-file", self.authority.certificate)
                self.assertEqual(server.journal, [])

    def test_tls_1_2_is_enough(self):
        server = self.scripted(tls=self.authority.server(), tls_version=ssl.TLSVersion.TLSv1_2)
        self.copy(self.source, at(server, "a", "v1"), "--ca-file", self.authority.certificate)
        self.assertEqual(server.repository("a").tags["v1"], self.image.digest)


class ClientCertificates(TlsCase):
    def setUp(self):
        super().setUp()
        self.destination = self.registry(tls=self.authority.server(), client_ca=self.authority.certificate)
        self.host_directory = self.directory / "certs.d" / self.destination.host
        self.host_directory.mkdir(parents=True)
        (self.host_directory / "ca.crt").write_bytes(self.authority.certificate.read_bytes())

    def test_from_the_directory(self):
        pair = self.authority.client()
        (self.host_directory / "client.cert").write_bytes(pair.certificate.read_bytes())
        (self.host_directory / "client.key").write_bytes(pair.key.read_bytes())
        self.destination.mark()
        self.copy(self.source, at(self.destination, "a", "v1"), "--cert-dir", self.host_directory.parent)
        self.assertEqual(len(self.destination.requests(method="PUT", path="/manifests/v1", status=201)), 1)

    def test_without_one(self):
        self.refuse_copy((4, TLS), self.source, at(self.destination, "a", "v1"), "--cert-dir", self.host_directory.parent)

    def test_a_certificate_without_its_key(self):
        pair = self.authority.client()
        (self.host_directory / "client.cert").write_bytes(pair.certificate.read_bytes())
        self.refuse_copy((2, TLS, 11), self.source, at(self.destination, "a", "v1"), "--cert-dir",
                         self.host_directory.parent, words="client.")


class PlainHttp(TlsCase):
    def test_on_loopback_https_is_tried_first(self):
        server = self.scripted()
        self.copy(self.source, at(server, "a", "v1"))
        self.assertTrue(server.server.not_http, "a TLS hello comes first")
        self.assertTrue(server.server.not_http[0].startswith(b"\x16\x03"))

    def test_named_hosts_speak_http_at_once(self):
        server = self.scripted()
        self.copy(self.source, at(server, "a", "v1"), "--plain-http", server.host)
        self.assertEqual(server.server.not_http, [])

    def test_plain_http_to_a_tls_port_is_no_success(self):
        server = self.registry(tls=self.authority.server())
        self.refuse_copy((5, 9, 10), self.source, at(server, "a", "v1"), "--plain-http", server.host)

    def test_a_bad_certificate_is_no_reason_for_http(self):
        server = self.scripted(tls=self.authority.expired())
        self.refuse_copy(TLS, self.source, at(server, "a", "v1"), "--ca-file", self.authority.certificate)
        self.assertEqual(server.journal, [])
        self.assertEqual(server.server.not_http, [])


if __name__ == "__main__":
    unittest.main()
