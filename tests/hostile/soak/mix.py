"""Random faults at random requests, in front of the registries of a run."""

import collections
import hashlib
import re
import time

from disturbance import Disturbance, Hang, Truncate, garbage
from support import faults

SESSION = re.compile(r"(?<=/uploads/)[0-9a-f-]+")
LIST = re.compile(r"/(tags/list|referrers/[^/]+)$")
SLOW = 0.2  # seconds


class FlipLast(faults.Fault):
    """One bit of the last byte of what is fetched."""

    def after(self, request, response):
        return faults.Flip().after(request, response) if response.body else response


# Name → (what makes the fault, the classes that may come of it). The first are tried again, the others may end a copy at once.
TRANSIENT = {
    "reset": (faults.ResetOnRequest, "TEMP"),
    "500": (lambda: faults.status(500), "TEMP"),
    "503": (lambda: faults.status(503, Retry_After=0), "TEMP"),
    "429": (faults.too_many, "TEMP"),
    "truncation": (Truncate, "TEMP"),
    "reply lost": (faults.DropReply, "TEMP"),
    "slow": (None, "NEW"),
}
HANG = {"hang": (Hang, "TEMP")}
LASTING = {
    "garbage": (lambda: faults.Raw(garbage), "PROTO"),
    "html": (faults.html, "PROTO|INTEG|TEMP"),
    "flip": (FlipLast, "PROTO|INTEG"),
    "401": (lambda: faults.status(401), "AUTH|NF"),
    "403": (lambda: faults.status(403), "DENY|AUTH|NF"),
    "404": (lambda: faults.status(404), "NF|PROTO|AUTH"),
}
ALL = {**TRANSIENT, **HANG, **LASTING}


class Mix(Disturbance):
    """Deals one of `kinds` (names from ALL, some perhaps twice) to a share `rate` of the requests. Whether a request meets a fault
    follows from the seed, from what it asks for and how often that was asked, not from the order in which requests of several
    connections come: so a run repeats.

    `at(number, function)` calls a function when so many requests have come."""

    def __init__(self, registries, seed, rate, kinds):
        self.seed, self.rate, self.kinds = seed, rate, kinds
        self.seen = 0
        self.asked = collections.Counter()
        self.dealt = collections.Counter()
        self.log = []  # (request, fault) in their order
        self.hampered = collections.Counter()  # session → requests about it (its status, its DELETE) that met a fault
        self._calls = {}
        super().__init__(*registries)

    def at(self, number, function):
        self._calls[number] = function

    def stop(self):
        self.rate = 0
        self._calls.clear()

    def forget(self):
        """Of what is over."""
        with self.lock:
            self.log.clear()
            self.unheard.clear()
            self.hampered.clear()

    def classes(self):
        """What may come of what was dealt."""
        return {"NEW", *(name for kind in self.dealt for name in ALL[kind][1].split("|"))}

    def choose(self, side, request):
        with self.lock:
            self.seen += 1
            call = self._calls.get(self.seen)
            key = self._key(side, request)
            self.asked[key] += 1
            kind = self._draw(key, self.asked[key])
            if kind == "404" and LIST.search(request.path):
                kind = None  # which says that there are none: true or not, nobody can tell
            if kind:
                self.dealt[kind] += 1
                self.log.append((f"{'source' if side == 0 else 'destination'} {request.method} {request.target}", kind))
            if kind and (session := SESSION.search(request.path)):
                self._note(session[0], request.method, kind)
        if call:
            call()
        if kind == "slow":
            time.sleep(SLOW)
        make = kind and ALL[kind][0]
        return make() if make else None

    def _note(self, session, method, kind):
        if method in ("GET", "DELETE") and kind != "slow":
            # What hangs takes the time of both tries, and a refusal is no reason for a second one.
            self.hampered[session] += 2 if kind in ("hang", "401", "403", "404") else 1
        if (method, kind) == ("PUT", "html"):
            self.unheard.append(session)  # who is told 200 takes it for finished

    def _key(self, side, request):
        arguments = sorted((name, *values) for name, values in request.query.items() if name != "_state")
        return f"{side} {request.method} {SESSION.sub('*', request.path)} {arguments}"

    def _draw(self, key, count):
        """A hash, as random.Random takes long to seed."""
        value = int.from_bytes(hashlib.blake2b(f"{self.seed}\n{key}\n{count}".encode(), digest_size=12).digest())
        share, choice = value % 10**9 / 10**9, value // 10**9
        return self.kinds[choice % len(self.kinds)] if share < self.rate else None

    def forget_unheard(self, registry):
        """Each request for the end of a session is sent twice; what both of them miss stays."""
        super().forget_unheard(registry)
        for name, times in self.hampered.items():
            if times > 1:
                registry.uploads.pop(name, None)
