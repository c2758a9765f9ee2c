"""A private certificate authority in a temporary directory, made with the openssl command."""

import pathlib

from .process import run_tool

EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
LOCAL_NAMES = ("IP:127.0.0.1", "IP:::1", "DNS:localhost")


class Certificate:
    """Paths of one PEM certificate and its key."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key


class CertificateAuthority:
    def __init__(self, directory, name="Freightliner test CA"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.crt"
        self.key = self.directory / "ca.key"
        run_tool(
            "openssl", "req", "-x509", *EC_KEY, "-keyout", self.key, "-out", self.certificate, "-days", "30",
            "-subj", f"/CN={name}",
        )

    def issue(self, name, names=LOCAL_NAMES, days=30, usage="serverAuth"):
        """A certificate for `names`; `days` below zero makes one that has expired."""
        key, request, certificate, extensions = (self.directory / f"{name}.{end}" for end in ("key", "csr", "crt", "ext"))
        extensions.write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage={usage}\n")
        run_tool("openssl", "req", "-new", *EC_KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        run_tool(
            "openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", certificate,
        )
        return Certificate(certificate, key)

    def server(self):
        return self.issue("server")

    def expired(self):
        return self.issue("expired", days=-1)

    def wrong_host(self):
        return self.issue("wrong-host", names=("DNS:registry.example.org",))

    def client(self, name="client"):
        return self.issue(name, names=("DNS:client.example.org",), usage="clientAuth")


def self_signed(directory, name="self-signed"):
    """A certificate that no authority vouches for."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    key, certificate = directory / f"{name}.key", directory / f"{name}.crt"
    run_tool(
        "openssl", "req", "-x509", *EC_KEY, "-keyout", key, "-out", certificate, "-days", "30", "-subj", f"/CN={name}",
        "-addext", f"subjectAltName={','.join(LOCAL_NAMES)}",
    )
    return Certificate(certificate, key)


def signing_pair(directory, name="token-signer"):
    """An RSA key with its self-signed certificate, as a token server signs with (RS256)."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    key, certificate = directory / f"{name}.key", directory / f"{name}.crt"
    run_tool(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "30",
        "-subj", f"/CN={name}",
    )
    return Certificate(certificate, key)
