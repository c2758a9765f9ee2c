"""A token server in the manner of the distribution token specification: RS256 JWTs for docker-registry, and a journal."""

import base64
import fnmatch
import http.server
import json
import pathlib
import shutil
import ssl
import tempfile
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field

from .certificates import signing_pair
from .process import run_tool
from .registry import TokenAuth


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Signs JWTs with a key of its own; docker-registry 2.8 finds the certificate in the x5c header."""

    def __init__(self, directory):
        self._pair = signing_pair(directory)
        self.certificate = self._pair.certificate
        der = run_tool("openssl", "x509", "-in", self.certificate, "-outform", "DER").stdout
        self._header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}

    def sign(self, claims):
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (self._header, claims))
        signature = run_tool("openssl", "dgst", "-sha256", "-sign", self._pair.key, stdin=signed.encode()).stdout
        return f"{signed}.{base64url(signature)}"


@dataclass
class TokenRequest:
    method: str
    service: str
    scopes: list
    user: str  # who the server took the client for; empty where anonymous
    grant_type: str  # of an OAuth2 POST, else empty
    basic: bool
    authorization: str  # as received, to look for secrets that should not be here
    client_id: str
    account: str
    status: int = 0
    granted: list = field(default_factory=list)


class TokenServer:
    """`users`: name → password. `refresh_tokens`: token → name. `grants`: name ('' is anonymous) → [(repository glob, actions)];
    a user without an entry may do everything, anonymous nothing. `failures`: answer that many requests with 503 first."""

    def __init__(self, users=None, refresh_tokens=None, grants=None, expires_in=300, service="registry.test",
                 address="127.0.0.1", tls=None, token_key="token", failures=0, path="/token"):
        self.users = dict(users or {})
        self.refresh_tokens = dict(refresh_tokens or {})
        self.grants = dict(grants or {})
        self.expires_in = expires_in
        self.service = service
        self.token_key = token_key
        self.failures = failures
        self.issuer = "freightliner-test-issuer"
        self.journal = []
        self.lock = threading.Lock()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="fl-token-"))
        self.signer = Signer(self.directory)
        self._server = http.server.ThreadingHTTPServer((address, 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address, self.port = address, self._server.server_address[1]
        self.host = f"{address}:{self.port}"
        self.realm = f"{'https' if tls else 'http'}://{self.host}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        shutil.rmtree(self.directory, ignore_errors=True)

    def registry_settings(self):
        """What a DockerRegistry takes as `token`."""
        return TokenAuth(self.realm, self.service, self.issuer, self.signer.certificate)

    def scopes_asked(self):
        with self.lock:
            return [scope for request in self.journal for scope in request.scopes]

    def issue(self, user, access, expires_in=None):
        now = int(time.time())
        lifetime = self.expires_in if expires_in is None else expires_in
        claims = {
            "iss": self.issuer, "sub": user, "aud": self.service, "exp": now + lifetime, "nbf": now - 10, "iat": now,
            "jti": uuid.uuid4().hex, "access": access,
        }
        return self.signer.sign(claims)

    def answer(self, request, password):
        """The status and the document that one token request gets."""
        if self.failures > 0:
            self.failures -= 1
            return 503, {"errors": [{"code": "UNAVAILABLE"}]}
        if request.grant_type == "refresh_token":
            request.user = self.refresh_tokens.get(password, "")
            if not request.user:
                return 401, {"error": "invalid_grant"}
        elif request.user and self.users.get(request.user) != password:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]}
        access = [granted for scope in request.scopes if (granted := self._granted(request.user, scope))]
        request.granted = access
        document = {
            self.token_key: self.issue(request.user, access),
            "expires_in": self.expires_in,
            "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return 200, document

    def _granted(self, user, scope):
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        asked = actions.split(",")
        rules = self.grants.get(user, [("*", "pull,push,delete")] if user else [])
        allowed = {
            action for glob, given in rules if fnmatch.fnmatchcase(name, glob) for action in given.split(",")
        }
        actions = [action for action in asked if action in allowed]
        return {"type": kind, "name": name, "actions": actions} if actions else None

    def _handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                self._serve(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query), "")

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                fields = urllib.parse.parse_qs(body)
                self._serve(fields, fields.get("grant_type", [""])[0])

            def _serve(self, fields, grant_type):
                def one(name):
                    return fields.get(name, [""])[0]

                authorization = self.headers.get("Authorization", "")
                basic = authorization.lower().startswith("basic ")
                user, password = "", ""
                if basic:
                    user, _, password = base64.b64decode(authorization[6:]).decode().partition(":")
                elif grant_type == "password":
                    user, password = one("username"), one("password")
                elif grant_type == "refresh_token":
                    password = one("refresh_token")
                scopes = [scope for value in fields.get("scope", []) for scope in value.split(" ") if scope]
                request = TokenRequest(self.command, one("service"), scopes, user, grant_type, basic, authorization,
                                       one("client_id"), one("account"))
                with server.lock:
                    server.journal.append(request)
                    request.status, document = server.answer(request, password)
                data = json.dumps(document).encode()
                self.send_response(request.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler
