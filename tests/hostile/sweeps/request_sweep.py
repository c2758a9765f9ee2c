"""A fault at every request of a copy, once and twice in a row: the destination has the old image or the new one, whole, the exit
code says which, no session is left, and the next run puts all right."""

import threading
import unittest

from trials import WHOLE, Trial, discover, sweep  # first: it knows where the others are

import scenes
from judge import Judge
from row import COPY, Row
from stage import Stage
from support import faults
from support.wire import Response

# Short, so that what hangs costs little; long enough for a machine that is busy.
OPTIONS = ("--jobs", "1", "--jobs-per-host", "1", "--retries", "2", "--stall-timeout", "2s")
ROW = Row(0, "a position of a sweep", "NEW", max_requests=150)


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


# Name → (what makes the fault, the classes that may come of it). Two faults in a row are within the retries.
FAULTS = {
    "reset": (faults.ResetOnRequest, "NEW"),
    "500": (lambda: faults.status(500), "NEW"),
    "429": (faults.too_many, "NEW"),
    "truncation": (Truncate, "NEW"),
    "hang": (Hang, "NEW"),
    "garbage": (lambda: faults.Raw(garbage), "NEW|PROTO"),
}


class Window:
    """Acts on `length` requests from the `first` on, counted over both registries, in front of their doors: also on those that only
    fetch a refusal. Records what they were."""

    def __init__(self, stage, fault, first, length=1):
        self.fault, self.first, self.length = fault, first, length
        self.seen, self.met = 0, []
        self.unheard = []  # sessions that the registry has opened, and nobody was told of
        self.lock = threading.Lock()
        for registry in (stage.source, stage.destination):
            self.stand_before(registry.server)

    def stand_before(self, server):
        serve = server._handle

        def handle(request):
            if not self.meets(request):
                return serve(request)
            answer = self.fault.receive(request)
            if answer is None:
                answer = serve(request)
                if request.method == "POST":
                    self.unheard.append(answer.headers.get("Docker-Upload-UUID"))
            return self.fault.after(request, answer)

        server._handle = handle

    def meets(self, request):
        with self.lock:
            self.seen += 1
            if not self.first <= self.seen < self.first + self.length:
                return False
            self.met.append(f"{request.method} {request.path}")
            return True


def stage_of(case, image):
    stage = Stage(case, COPY)
    stage.judge = Judge(case, stage, ROW)
    stage.give(image)
    return stage


class Disturbed(Trial):
    def __init__(self, image, number, request, name, times):
        super().__init__(f"request {number} ({request}): {name}, {times} times")
        self.image, self.number, self.request, self.fault, self.times = image, number, request, name, times

    def perform(self):
        stage = stage_of(self, self.image)
        make, expected = FAULTS[self.fault]
        window = Window(stage, make(), self.number, self.times)
        result = stage.run(OPTIONS)
        met, window.length = len(window.met), 0
        for name in window.unheard:
            stage.destination.uploads.pop(name, None)
        outcome = stage.judge.outcome(result, expected)
        stage.judge.after(result, outcome)
        stage.heal()
        stage.judge.converges(outcome)
        return met == self.times or met > 0 and outcome != "NEW"


def requests_of(image):
    def find(case):
        stage = stage_of(case, image)
        everything = Window(stage, faults.Fault(), 1, 10_000)
        result = stage.run(OPTIONS)
        case.assertEqual(result.exit_code, 0, result)
        case.assertEqual(len(everything.met), result.requests, "every request")
        return everything.met

    return find


class Requests(unittest.TestCase):
    """The quick set: one of the faults at each request, in turn. The whole set: each of them, once and twice."""

    def test_registry_to_registry(self):
        image = scenes.multi_arch_image() if WHOLE else scenes.small_image()
        requests = list(enumerate(discover(self, requests_of(image)), 1))
        if WHOLE:
            chosen = [(number, request, name, times) for number, request in requests for name in FAULTS for times in (1, 2)]
        else:
            chosen = [(number, request, list(FAULTS)[number % len(FAULTS)], 1 + number // len(FAULTS) % 2)
                      for number, request in requests]
        sweep(self, f"faults at {len(requests)} requests", [Disturbed(image, *choice) for choice in chosen])


if __name__ == "__main__":
    unittest.main()
