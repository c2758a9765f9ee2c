"""The hostile registry: the scripted one with a door that asks for a login, tokens, canary secrets, and a second origin beside it.

Rules act behind the door: a request without the right login is refused before any rule counts it."""

import base64
import json
import secrets
import threading
import urllib.parse

from support import faults
from support.scripted import ScriptedRegistry, error
from support.wire import Response, Server


class Account:
    """A login whose every secret part can be recognised wherever it turns up."""

    def __init__(self, name):
        self.user = f"user-of-{name}"
        self.password = f"canary-{name}-{secrets.token_hex(8)}"
        self.tokens = []

    @property
    def basic(self):
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def canaries(self):
        """In each form in which it could leak."""
        return [self.password, self.basic, urllib.parse.quote(self.password, safe=""), *self.tokens]


class Tokens:
    """A token endpoint in the manner of the distribution token specification, for whoever serves `path`."""

    def __init__(self, account, anonymous=False):
        self.account, self.anonymous = account, anonymous
        self.issued = {}  # token → granted scopes
        self.asked = []  # (authorization, scopes) of each request
        self.extra = {}  # members of the answer that replace the usual ones
        self.key = "token"
        self.lock = threading.Lock()

    def answer(self, request):
        request.body()
        authorization = request.headers.get("Authorization", "")
        scopes = [scope for value in request.query.get("scope", []) for scope in value.split()]
        with self.lock:
            self.asked.append((authorization, scopes))
        if authorization != f"Basic {self.account.basic}" and not (self.anonymous and not authorization):
            return error(401, "UNAUTHORIZED")
        token = f"token-{self.account.user}-{secrets.token_hex(8)}"
        with self.lock:
            self.issued[token] = scopes
            self.account.tokens.append(token)
        document = {self.key: token, "expires_in": 300, **self.extra}
        return Response.of(200, json.dumps(document).encode(), "application/json")

    def good(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.issued

    def revoke(self):
        with self.lock:
            self.issued.clear()


class HostileRegistry(ScriptedRegistry):
    """`login`: "none", "basic" or "bearer". `closed`: no login is good enough. `challenges` replaces the headers of the door's 401. `realm` is where tokens are said
    to be had; they are had at /token."""

    def __init__(self, name, login="basic", **options):
        self.account, self.more_accounts = Account(name), []
        self.login, self.challenges, self.realm = login, None, None
        self.tokens = Tokens(self.account)
        self.refused, self.closed = 0, False
        super().__init__(**options)
        self.realm = f"{self.url}/token"

    def _handle(self, request):
        if request.path != "/token" and not self.admits(request):
            return self.refusal(request)
        return super()._handle(request)

    def _route(self, request):
        return self.tokens.answer(request) if request.path == "/token" else super()._route(request)

    def admits(self, request):
        if self.login == "none" or self.closed:
            return not self.closed
        if self.login == "basic":
            logins = [account.basic for account in (self.account, *self.more_accounts)]
            return request.headers.get("Authorization") in [f"Basic {login}" for login in logins]
        return self.tokens.good(request)

    def refusal(self, request, **parameters):
        """The door's 401; `parameters` go into its challenge."""
        request.body()
        self.refused += 1
        answer = error(401, "UNAUTHORIZED")
        answer.headers.remove("WWW-Authenticate")
        for challenge in self.challenges if self.challenges is not None else [self.challenge(**parameters)]:
            answer.headers.pairs.append(("WWW-Authenticate", challenge))
        return answer

    def challenge(self, **parameters):
        if self.login != "bearer":
            return 'Basic realm="hostile"'
        more = "".join(f',{name}="{value}"' for name, value in parameters.items())
        return f'Bearer realm="{self.realm}",service="hostile"{more}'

    def any_request(self, fault, generator, requests):
        """A rule for one request of the next `requests`, drawn by a seeded generator."""
        return self.rule("*", "/", fault, nth=generator.randrange(requests) + 1)


class SecondOrigin:
    """A server on an origin of its own, which redirects, realms, Locations and Links may name. It serves the blobs of a registry
    below /store, may ask for a login of its own, and must never see anybody's secret but the token that it gave itself."""

    def __init__(self, registry=None, challenge="none", address="127.0.0.1", tls=None):
        self.registry, self.challenge = registry, challenge
        self.account = Account("second")
        self.tokens = Tokens(self.account, anonymous=True)
        self.rules = []
        self.server = Server(self._handle, address, tls)
        self.url, self.host = self.server.url, self.server.host
        self.realm = f"{self.url}/token"

    @property
    def journal(self):
        return self.server.journal

    def stop(self):
        self.server.stop()

    def rule(self, method, pattern, fault, nth=None, times=None):
        self.rules.append(faults.Rule(method, pattern, fault, nth, times))
        return self.rules[-1]

    def location(self, request):
        """Where this server has what `request` asked the registry for."""
        return f"{self.url}/store{request.path}?signature=s3cret%2Fvalue"

    def _handle(self, request):
        acting = [rule.fault for rule in self.rules if rule.applies(request)]
        for fault in acting:
            if (response := fault.receive(request)) is not None:
                return response
        response = self._serve(request)
        for fault in acting:
            response = fault.after(request, response)
        return response

    def _serve(self, request):
        if request.path == "/token":
            return self.tokens.answer(request)
        if self.challenge == "basic":
            return self._refusal(request, 'Basic realm="second"')
        if self.challenge == "bearer" and not self.tokens.good(request):
            return self._refusal(request, f'Bearer realm="{self.realm}",service="second",scope="store:read"')
        if self.challenge == "none" and "Authorization" in request.headers:
            return error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if self.registry and request.path.startswith("/store/"):
            request.path = request.path.removeprefix("/store")
            return self.registry._route(request)
        request.body()
        return error(404, "NOT_FOUND")

    @staticmethod
    def _refusal(request, challenge):
        request.body()
        answer = error(401, "UNAUTHORIZED")
        answer.headers.set("WWW-Authenticate", challenge)
        return answer


class Redirect(faults.Fault):
    """Answers with a redirect to wherever `location(request)` says."""

    def __init__(self, location, status=307):
        self.location, self.status = location, status

    def receive(self, request):
        request.body()
        return Response.of(self.status, Location=self.location(request))


class Refuse(faults.Fault):
    """The door's 401 from behind the door: the login is suddenly not good any more."""

    def __init__(self, registry, **parameters):
        self.registry, self.parameters = registry, parameters

    def receive(self, request):
        self.registry.tokens.revoke()
        return self.registry.refusal(request, **self.parameters)
