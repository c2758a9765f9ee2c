"""Debian's docker-registry on a free port of the loopback, with its access log as the witness of what was asked."""

import json
import os
import pathlib
import re
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass

from . import process

ACCESS_LINE = re.compile(
    r'^\S+ - (?P<user>\S+) \[[^\]]*\] "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>\d{3}) (?P<bytes>\d+)'
)
INSTANCE_HEADER = "X-Test-Registry"


@dataclass(frozen=True)
class LoggedRequest:
    method: str
    path: str  # without the query
    query: str
    status: int

    @property
    def writes(self):
        return self.method in ("POST", "PUT", "PATCH", "DELETE")


class TokenAuth:
    """Names a token server to a registry."""

    def __init__(self, realm, service, issuer, root_certificate):
        self.realm, self.service, self.issuer, self.root_certificate = realm, service, issuer, root_certificate


class DockerRegistry:
    """Starts on construction; stop() ends it and removes its files. `users` turns htpasswd on (bcrypt); `token` a token server;
    `tls` a Certificate; `client_ca` asks for client certificates; `allow_foreign` lets manifests name layers by URL;
    `delete` may be switched off."""

    def __init__(self, users=None, token=None, tls=None, client_ca=None, allow_foreign=False, address="127.0.0.1",
                 base=None, delete=True):
        self.address = address
        self.tls = tls
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fl-registry-", dir=base))
        self.storage = self.directory / "storage"
        self.storage.mkdir()
        self._instance = uuid.uuid4().hex
        self._access_log = self.directory / "access.log"
        self._error_log = self.directory / "error.log"
        self._mark = 0
        self._process = None
        self._configuration = self._configure(users, token, client_ca, allow_foreign)
        self._configuration["storage"]["delete"]["enabled"] = delete
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def host(self):
        """host:port, as it stands in a reference."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.host}"

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        if self._process is not None:
            process.stop(self._process)
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def restart(self):
        """The same storage and the same port, as after a crash of the server."""
        process.stop(self._process)
        if not self._launch():
            raise RuntimeError(f"docker-registry lost its port {self.port}")

    def log(self):
        """The registry's own log, for the message of a failing test."""
        return self._error_log.read_text(errors="replace") if self._error_log.exists() else ""

    def mark(self):
        """What requests() returns begins here."""
        self._settle()
        self._mark = self._access_log.stat().st_size

    def requests(self, **conditions):
        """Requests since mark(), oldest first; `method=`, `status=`, `writes=` select, `path=` is a regular expression."""
        self._settle()
        with open(self._access_log, errors="replace") as log:
            log.seek(self._mark)
            lines = log.readlines()
        found = []
        for line in lines:
            match = ACCESS_LINE.match(line)
            if not match:
                continue
            path, _, query = match["target"].partition("?")
            found.append(LoggedRequest(match["method"], path, query, int(match["status"])))
        pattern = conditions.pop("path", "")
        return [
            request
            for request in found
            if re.search(pattern, request.path)
            and all(getattr(request, name) == value for name, value in conditions.items())
        ]

    def uploads_left(self):
        """Directories of upload sessions that still hold data, whatever their repository."""
        return sorted(self.storage.glob("docker/registry/v2/repositories/**/_uploads/*/data"))

    def _configure(self, users, token, client_ca, allow_foreign):
        configuration = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {"secret": "integration", "headers": {INSTANCE_HEADER: [self._instance]}},
        }
        if self.tls:
            configuration["http"]["tls"] = {"certificate": str(self.tls.certificate), "key": str(self.tls.key)}
            if client_ca:
                configuration["http"]["tls"]["clientcas"] = [str(client_ca)]
        if users:
            passwords = self.directory / "htpasswd"
            lines = [
                process.run_tool("htpasswd", "-nbB", "-C", "4", name, password).stdout.decode().strip()
                for name, password in users.items()
            ]
            passwords.write_text("\n".join(lines) + "\n")
            configuration["auth"] = {"htpasswd": {"realm": "integration", "path": str(passwords)}}
        if token:
            configuration["auth"] = {
                "token": {
                    "realm": token.realm,
                    "service": token.service,
                    "issuer": token.issuer,
                    "rootcertbundle": str(token.root_certificate),
                }
            }
        if allow_foreign:
            configuration["validation"] = {"manifests": {"urls": {"allow": [".*"]}}}
        return configuration

    def _start(self):
        for _ in range(10):
            self.port = process.free_port(self.address)
            self._configuration["http"]["addr"] = self.host
            if self._launch():
                return
        raise RuntimeError(f"docker-registry did not start:\n{self.log()}")

    def _launch(self):
        configuration = self.directory / "config.yml"
        configuration.write_text(json.dumps(self._configuration))  # JSON is YAML
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "OTEL_TRACES_EXPORTER": "none"}
        with open(self._access_log, "ab") as out, open(self._error_log, "ab") as err:
            self._process = process.spawn(
                ["docker-registry", "serve", configuration], stdout=out, stderr=err, env=environment, cwd=self.directory
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if self._answers():
                return True
            time.sleep(0.02)
        raise RuntimeError(f"docker-registry does not answer on {self.host}:\n{self.log()}")

    def _answers(self):
        """True where this very process answers, not another that took the port; a TLS server is told by its handshake."""
        context = ssl._create_unverified_context() if self.tls else None
        try:
            with urllib.request.urlopen(f"{self.url}/v2/", timeout=2, context=context) as answer:
                return answer.headers.get(INSTANCE_HEADER) == self._instance
        except urllib.error.HTTPError as error:
            return error.headers.get(INSTANCE_HEADER) == self._instance
        except ssl.SSLError:
            return True
        except urllib.error.URLError as error:
            return isinstance(error.reason, ssl.SSLError)  # a server that wants a client certificate
        except OSError:
            return False

    def _settle(self):
        """The log line is written after the answer: wait until the file has been still for a moment."""
        size = -1
        while size != (size := self._access_log.stat().st_size):
            time.sleep(0.1)
