"""Faults in front of the doors of registries: also a request that only fetches a refusal may meet one."""

import threading

from support import faults
from support.wire import Response


class Truncate(faults.Fault):
    """Half of the answer's body; of an answer without one, half of its head. The request has its effect."""

    def after(self, request, response):
        if request.method == "HEAD" or len(response.body) < 2:
            return Response(raw=[b"HTTP/1.1 %d Cu" % response.status])
        response.cut_after = len(response.body) // 2
        return response


class Hang(faults.Fault):
    """The request has its effect, and no answer ever comes."""

    def after(self, request, response):
        response.raw = self.nothing(request)
        return response

    @staticmethod
    def nothing(request):
        """Returns when the client has closed."""
        request.stream.peek(1)
        yield b""


def garbage(_):
    return [b"\x00\xff\x1b[31m\r\n\r\n" + bytes(range(256)) * 4]


class Disturbance:
    """Stands before the doors of `registries`; choose(side, request) gives the fault that a request meets, or None. `side` is the
    place of its registry in the list."""

    def __init__(self, *registries):
        self.unheard = []  # sessions that a registry has opened, and nobody was told of
        self.lock = threading.Lock()
        for side, registry in enumerate(registries):
            self._stand_before(side, registry.server)

    def choose(self, side, request):
        raise NotImplementedError

    def forget_unheard(self, registry):
        """What nobody knows of nobody can cancel."""
        for name in self.unheard:
            registry.uploads.pop(name, None)

    def _stand_before(self, side, server):
        serve = server._handle

        def handle(request):
            fault = self.choose(side, request)
            if fault is None:
                return serve(request)
            answer = fault.receive(request)
            if answer is None:
                answer = serve(request)
                if request.method == "POST":
                    self.unheard.append(answer.headers.get("Docker-Upload-UUID"))
            return fault.after(request, answer)

        server._handle = handle
