"""Rules for the scripted registry: which request, the how-manieth, and what happens to it.

A fault has two hooks: `receive(request)` runs before the body is read and may return a Response, which then is the answer
and leaves the registry as it was; `after(request, response)` gets the right answer and returns the one that is sent."""

import re
import threading
import time

from .wire import Headers, Response


class Fault:
    def receive(self, request):
        return None

    def after(self, request, response):
        return response


class Rule:
    """`nth` selects one occurrence (from 1), `times` the first so many, `seconds` those that come within that time of
    the first; none: all. hits counts where it acted."""

    def __init__(self, method, pattern, fault, nth=None, times=None, seconds=None):
        self.methods = set(method.split("|"))
        self.pattern = re.compile(pattern)
        self.fault, self.nth, self.times, self.seconds = fault, nth, times, seconds
        self.seen = self.hits = 0
        self.began = None
        self._lock = threading.Lock()

    def applies(self, request):
        if "*" not in self.methods and request.method not in self.methods:
            return False
        if not self.pattern.search(request.path):
            return False
        with self._lock:
            self.seen += 1
            self.began = self.began or time.monotonic()
            applies = ((self.nth is None or self.seen == self.nth) and (self.times is None or self.seen <= self.times)
                       and (self.seconds is None or time.monotonic() - self.began < self.seconds))
            self.hits += applies
        return applies


class Answer(Fault):
    """A fixed answer instead of the right one; the request has no effect. The body is read unless `early`."""

    def __init__(self, status, body=b"", content_type="application/json", early=False, **headers):
        self.status, self.body, self.content_type, self.early, self.headers = status, body, content_type, early, headers

    def receive(self, request):
        if not self.early:
            request.body()
        return Response.of(self.status, self.body, self.content_type, **self.headers)


def status(code, **headers):
    return Answer(code, b'{"errors":[{"code":"UNKNOWN","message":"scripted"}]}', **headers)


def too_many(retry_after=None):
    return status(429, **({} if retry_after is None else {"Retry_After": retry_after}))


def html(code=200):
    return Answer(code, b"<!DOCTYPE html><html><body>Sign in to the \x1b[31mhotel\x1b[0m</body></html>", "text/html")


def json_answer(document, code=200, content_type="application/json", **headers):
    return Answer(code, document, content_type, **headers)


class ResetOnRequest(Fault):
    """Reads `after` bytes of the body, then RST; the request has no effect."""

    def __init__(self, after=0):
        self.limit = after

    def receive(self, request):
        if self.limit:
            for _ in request.chunks():
                if request.body_received >= self.limit:
                    break
        return Response(drop=True)


class DropReply(Fault):
    """The request takes effect, the client never learns it."""

    def after(self, request, response):
        return Response(drop=True)


class Cut(Fault):
    """The answer's connection is reset after `at` body bytes."""

    def __init__(self, at):
        self.at = at

    def after(self, request, response):
        response.cut_after = self.at
        return response


class Stall(Fault):
    """After `at` body bytes nothing more comes."""

    def __init__(self, at=0):
        self.at = at

    def after(self, request, response):
        response.stall_after = self.at
        return response


class Throttle(Fault):
    def __init__(self, bytes_per_second):
        self.rate = bytes_per_second

    def after(self, request, response):
        response.bytes_per_second = self.rate
        return response


class Flip(Fault):
    """The same length, one bit wrong; `at` counts from the end where negative."""

    def __init__(self, at=-1):
        self.at = at

    def after(self, request, response):
        body = bytearray(response.body)
        body[self.at] ^= 1
        response.body = bytes(body)
        return response


class Resize(Fault):
    """`by` bytes more (or fewer), with a Content-Length that agrees, or the old one where `lie`."""

    def __init__(self, by, lie=False):
        self.by, self.lie = by, lie

    def after(self, request, response):
        true_size = len(response.body)
        response.body = response.body + b"x" * self.by if self.by > 0 else response.body[: self.by]
        if self.lie:
            response.declared, response.close = true_size, True
        return response


class Chunked(Fault):
    """No Content-Length."""

    def after(self, request, response):
        response.declared = ""
        return response


class SetHeader(Fault):
    """Sets headers of the right answer; None removes one."""

    def __init__(self, **headers):
        self.headers = headers

    def after(self, request, response):
        response.headers = Headers(response.headers.pairs)
        for name, value in self.headers.items():
            name = name.replace("_", "-")
            response.headers.remove(name) if value is None else response.headers.set(name, value)
        return response


class ReplaceBody(Fault):
    def __init__(self, body, status_code=None):
        self.body, self.status_code = body, status_code

    def after(self, request, response):
        response.body = self.body
        response.status = self.status_code or response.status
        return response


class Raw(Fault):
    """Sends the bytes that `pieces(request)` yields instead of an answer; they may never end, and may come slowly."""

    def __init__(self, pieces):
        self.pieces = pieces

    def receive(self, request):
        request.body()
        return Response(raw=self.pieces(request))


class HangUp(Fault):
    """Closes the connection behind the answer without having said so, as a server that was idle for too long does."""

    def after(self, request, response):
        response.hang_up = True
        return response


class Delay(Fault):
    def __init__(self, seconds):
        self.seconds = seconds

    def receive(self, request):
        time.sleep(self.seconds)


class Call(Fault):
    """Runs `function(request)` before the request is served: to send a signal, or to change the state."""

    def __init__(self, function):
        self.function = function

    def receive(self, request):
        self.function(request)


class Hold(Fault):
    """Keeps the request unanswered until release(); reached() tells that it has arrived."""

    def __init__(self):
        self._arrived, self._released = threading.Event(), threading.Event()

    def receive(self, request):
        self._arrived.set()
        self._released.wait(60)

    def reached(self, timeout=20):
        return self._arrived.wait(timeout)

    def release(self):
        self._released.set()
