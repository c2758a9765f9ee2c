"""Rounds of random faults, one after the other or for a time; and beside them one process that lives through all of it."""

import collections
import concurrent.futures
import os
import random
import threading
import time
import unittest

from rounds import Round
from stream import Stream
from support import process

SIDE_BY_SIDE = 4
ENOUGH = 10  # failures after which no new round begins
STATUS = 60  # seconds between two lines about how it goes


def perform(seed, evidence):
    """(round, what went wrong or None)"""
    places = []
    drawn = Round(seed, keep=lambda failed: places.append(evidence.keep_failure(f"round-{seed}", failed)))
    result = unittest.TestResult()
    drawn.run(result)
    texts = [text for _, text in (*result.errors, *result.failures)]
    if not texts:
        return drawn, None
    where = f"\nkept in {places[0]}" if places else ""
    return drawn, f"VIOLATION in round {seed} ({drawn.words})\n{texts[0]}again: tools/soak round {seed}{where}"


def one(seed, evidence):
    drawn, failure = perform(seed, evidence)
    print(failure or f"round {seed}: {drawn.words}: no violation\n  dealt: {dict(drawn.mix.dealt)}", flush=True)
    return failure is None


class Rounds:
    """Draws seeds from a seed and performs their rounds, a few side by side: they mostly wait."""

    def __init__(self, seed, evidence):
        self.evidence = evidence
        self.generator = random.Random(f"soak {seed}")
        self.begun, self.dealt = 0, collections.Counter()
        self.failures = []
        self.lock = threading.Lock()

    def next(self, more):
        """Performs a round, where `more(number)` allows one more; False: no."""
        with self.lock:
            if len(self.failures) >= ENOUGH or not more(self.begun):
                return False
            seed = self.generator.getrandbits(32)
            self.begun += 1
        drawn, failure = perform(seed, self.evidence)
        with self.lock:
            self.dealt.update(drawn.mix.dealt if hasattr(drawn, "mix") else {})
            if failure:
                self.failures.append(failure)
                print(failure, flush=True)
        return True

    def run(self, more):
        def work(_):
            while self.next(more):
                pass

        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            list(pool.map(work, range(SIDE_BY_SIDE)))

    def __str__(self):
        dealt = ", ".join(f"{kind} {count}" for kind, count in sorted(self.dealt.items()))
        return f"{self.begun} rounds, {len(self.failures)} violations, {sum(self.dealt.values())} faults ({dealt})"


def own_size():
    """Of this process with its registries: it has to last as long as the soak."""
    with open("/proc/self/statm", "rb") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    return f"this driver: {resident} MiB, {process.open_descriptors(os.getpid())} descriptors, {threading.active_count()} threads"


def together(seed, evidence, more_rounds, more_requests):
    """Rounds, and beside them the stream, while each may begin one more."""
    begun = time.monotonic()
    rounds, stream = Rounds(seed, evidence), Stream(seed, evidence, more_requests)
    finished = threading.Event()

    def tell():
        while not finished.wait(STATUS):
            print(f"{(time.monotonic() - begun) / 60:.0f} min: {rounds}; {stream}; {own_size()}", flush=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        alive = pool.submit(stream.perform)
        rounds.run(more_rounds)
        failure = alive.result()
    finished.set()
    teller.join()
    print(f"{rounds}\n{stream}\n{stream.levels()}\n{own_size()}", flush=True)
    if failure:
        print(failure, flush=True)
    good = not rounds.failures and not failure
    print("no violation" if good else "VIOLATIONS: see above", flush=True)
    return good


def several(seed, count, evidence):
    return together(seed, evidence, lambda begun: begun < count, lambda asked: asked == 0)


def soak(seed, minutes, evidence):
    end = time.monotonic() + 60 * minutes
    return together(seed, evidence, lambda _: time.monotonic() < end, lambda _: time.monotonic() < end)
