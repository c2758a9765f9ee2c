"""One `copy --batch -` that lives for the whole soak: requests to registries that deal faults, to layouts and to ever new archives;
each result is judged; and neither its memory nor its descriptors may grow."""

import random
import shutil
import statistics
import threading
import time
import unittest
from dataclasses import dataclass, field

import draw
import places
from judge import Judge
from mix import LASTING, TRANSIENT, Mix
from row import CLASSES, COPY, Row
from stage import Stage
from support import process
from support.case import Case
from support.talk import Talk

ROW = Row(0, "a stream of a soak", "NEW")
IMAGES, RATE = 40, 0.03
OPTIONS = ("--jobs", "8", "--jobs-per-host", "16", "--retries", "3", "--stall-timeout", "2s")
WAIT = 120  # seconds for a result: several stalls and the waits between them
ROUND_OF_REQUESTS = 200  # between two looks at a process that has nothing to do
# How far the median of the last quarter may lie above that of the first. The allocator's own level moves by some hundred KiB
# within minutes; one object of 100 bytes lost per request would be 2 MiB after 20,000 of them.
MORE_KIB, MORE_DESCRIPTORS = 2048, 2
WARM_UP = 0.1  # of the time: until all buffers, connections and threads have once been needed
ENOUGH_SAMPLES = 60  # fewer say nothing about growth


@dataclass
class Slot:
    """Has one request under way at most. `may`: digests that the destination may have."""

    number: int
    place: object
    repository: str
    may: set = field(default_factory=lambda: {None})
    asked: object = None  # image that is under way
    used: int = 0

    @property
    def name(self):
        return self.repository, "v1"

    def digest(self):
        return self.place.digest(*self.name)


class Stream(Case):
    """Asks while `more(requests so far)`. perform() returns what went wrong, or None."""

    def __init__(self, seed, evidence, more):
        super().__init__("attempt")
        self.seed, self.evidence, self.more = seed, evidence, more
        self.asked = self.done = self.failed = 0
        self.samples = []  # (KiB, descriptors)
        self.kept = "nothing"

    def __str__(self):
        now = f", {self.samples[-1][0]} KiB, {self.samples[-1][1]} descriptors" if self.samples else ""
        return f"stream: {self.asked} requests, {self.failed} failed{now}"

    def perform(self):
        result = unittest.TestResult()
        self.run(result)
        return next((f"VIOLATION in the stream of seed {self.seed}\n{text}kept in {self.kept}"
                     for _, text in (*result.errors, *result.failures)), None)

    def attempt(self):
        try:
            self.live()
        except BaseException:
            self.kept = self.evidence.keep_failure(f"stream-{self.seed}", self)
            raise

    # --- its life

    def live(self):
        self.set_up_all()
        stopped = threading.Event()
        sampler = threading.Thread(target=self.sample, args=(stopped,), daemon=True)
        sampler.start()
        try:
            while self.more(self.asked):
                self.round_of_requests()
                self.at_rest()
        finally:
            stopped.set()
            sampler.join()
        code, left = self.talk.end()
        self.assertEqual((code, left), (3 if self.failed else 0, []), self.talk.complaints())
        self.assertEqual(self.program.leftovers(), [])
        self.assert_flat()

    def set_up_all(self):
        self.generator = generator = random.Random(f"stream {self.seed}")
        self.stage = Stage(self, COPY)
        self.judge = self.stage.judge = Judge(self, self.stage, ROW)
        self.stage.serve("source", login="bearer", page_size=2)
        self.stage.serve("destination", login="basic", mount="real")
        for registry in (self.stage.source, self.stage.destination):
            registry.repositories.clear()
        self.images = [draw.image(generator) for _ in range(IMAGES)]
        for number, image in enumerate(self.images):
            self.stage.source.load(image, f"pool{number % 5}", f"v{number}")
        in_registry, layouts = places.InRegistry(self.stage.destination), places.InLayouts(self.directory / "layouts")
        archives = places.InArchives(self.directory / "archives")
        kinds = [*[in_registry] * 20, *[layouts] * 8, *[archives] * 8]
        self.slots = [Slot(number, place, f"slot{number}") for number, place in enumerate(kinds)]
        # Now and then a copy ends at once, too.
        kinds = [*list(TRANSIENT) * 3, "hang", *LASTING]
        self.mix = Mix((self.stage.source, self.stage.destination), self.seed, RATE, kinds)
        self.talk = Talk(self, *OPTIONS)

    def sample(self, stopped):
        while not stopped.wait(1):
            self.samples.append((resident_kib(self.talk.child.pid), process.open_descriptors(self.talk.child.pid)))

    # --- requests

    def round_of_requests(self):
        idle, busy = list(self.slots), {}
        asked = 0
        while asked < ROUND_OF_REQUESTS or busy:
            while idle and asked < ROUND_OF_REQUESTS:
                slot = idle.pop(self.generator.randrange(len(idle)))
                self.ask(slot)
                busy[slot.number] = slot
                asked += 1
            record = self.talk.answer(WAIT)
            slot = busy.pop(record["id"])
            self.judge_one(slot, record)
            idle.append(slot)

    def ask(self, slot):
        number = self.generator.randrange(IMAGES)
        slot.asked = self.images[number]
        slot.used += 1
        if isinstance(slot.place, places.InArchives):
            self.renew(slot)
        more = {"timeout": self.generator.choice(("300ms", "1s"))} if self.generator.random() < 0.05 else {}
        self.talk.ask(id=slot.number, source=f"docker://{self.stage.source.host}/pool{number % 5}:v{number}",
                      destination=slot.place.reference(*slot.name), **more)
        self.asked += 1

    def renew(self, slot):
        """An archive that there never was."""
        for file in slot.place.directory.glob(f"{slot.repository}.*"):
            file.unlink()
        slot.repository, slot.may = f"slot{slot.number}.{slot.used}", {None}

    def judge_one(self, slot, record):
        new = slot.asked.digest
        if record["status"] == "failed":
            self.failed += 1
            self.assertIn(record["error"]["class"], {CLASSES[name][1] for name in self.mix.classes() | {"TEMP"}}, record)
            slot.may = slot.may | {new}
        else:
            self.assertIn(record["status"], ("copied", "unchanged"), record)
            slot.may = {new}
        found = slot.digest()
        self.assertIn(found, slot.may, record)
        slot.may = {found}

    # --- between them

    def at_rest(self):
        """Nothing is under way: nothing may be left of what there was."""
        self.mix.forget_unheard(self.stage.destination)
        self.assert_no_open_uploads(self.stage.destination)
        self.assertEqual(self.program.leftovers(), [])
        strange = [name for slot in self.slots for name in slot.place.strange_files()]
        self.assertEqual(strange, [])
        self.judge.whole()
        complaints = self.talk.complaints()
        self.assertNotRegex(complaints, "Sanitizer|Assertion|terminate called|std::")
        self.judge.secrets(Told(complaints, self.talk.child.args))
        self.forget()

    def forget(self):
        """What would grow with the hour; and some of the destination is emptied, so that there is always something to copy, and the
        process takes for there what is not there any more."""
        for registry in (self.stage.source, self.stage.destination):
            with registry.server.lock:
                registry.server.journal.clear()
        self.stage.destination.uploads.clear()
        self.mix.forget()
        for slot in self.generator.sample(self.slots, len(self.slots) // 2):
            if isinstance(slot.place, places.InRegistry):
                self.stage.destination.repositories.pop(slot.repository, None)
                slot.may = {None}
            elif isinstance(slot.place, places.InLayouts):
                shutil.rmtree(slot.place.directory / slot.repository, ignore_errors=True)
                slot.may = {None}

    # --- its levels

    def quarters(self):
        """Medians (KiB, descriptors) of the first and the last quarter, without the warm-up."""
        counted = self.samples[int(len(self.samples) * WARM_UP):]
        length = max(1, len(counted) // 4)
        return [tuple(statistics.median(values) for values in zip(*part)) for part in (counted[:length], counted[-length:])]

    def levels(self):
        if len(self.samples) < 4:
            return "stream: too short for levels"
        (first_kib, first_open), (last_kib, last_open) = self.quarters()
        return (f"stream: median of the first quarter {first_kib:.0f} KiB, {first_open:.0f} descriptors; of the last {last_kib:.0f} KiB, "
                f"{last_open:.0f} descriptors; peak {max(kib for kib, _ in self.samples)} KiB, {max(n for _, n in self.samples)}")

    def assert_flat(self):
        if len(self.samples) < ENOUGH_SAMPLES:
            return
        (first_kib, first_open), (last_kib, last_open) = self.quarters()
        self.assertLessEqual(last_kib - first_kib, MORE_KIB, self.levels())
        self.assertLessEqual(last_open - first_open, MORE_DESCRIPTORS, self.levels())


class Told:
    """What a process has said on standard error, as the oracle wants to see it."""

    def __init__(self, complaints, arguments):
        self.stdout, self.stderr, self.arguments = "", complaints, [str(argument) for argument in arguments]


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
