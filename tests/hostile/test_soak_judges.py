"""The soak can fail: it notices what it has to; and what its seeds draw does not depend on who comes first."""

import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "soak"), str(HERE.parent / "integration")]

from mix import ALL, Mix  # noqa: E402  (their place is known only now)
from rounds import JOBS, Round  # noqa: E402
from row import COPY  # noqa: E402
from stream import Stream  # noqa: E402
from support import images  # noqa: E402
from support.oracle import NotWhole  # noqa: E402
from support.scripted import Upload  # noqa: E402
from support.wire import Headers, Request  # noqa: E402


def asked(number):
    """Each target is asked for twice."""
    return Request(number, 1, "GET", f"/v2/app/blobs/{number // 2}", Headers())


class Drawing(unittest.TestCase):
    KINDS = [kind for kind in ALL if kind != "slow"]

    def draw(self, seed, numbers, rate=0.05):
        mix = Mix((), seed, rate, self.KINDS)
        for number in numbers:
            mix.choose(0, asked(number))
        return sorted(mix.log)

    def test_the_order_of_requests_changes_nothing(self):
        numbers = list(range(4000))
        first = self.draw(7, numbers)
        random.Random(1).shuffle(numbers)
        self.assertEqual(self.draw(7, numbers), first)
        self.assertNotEqual(self.draw(8, numbers), first)
        self.assertEqual({kind for _, kind in first}, set(self.KINDS))
        self.assertTrue(160 <= len(first) <= 240, f"{len(first)} of 4000")

    def test_a_session_is_not_told_by_its_random_name(self):
        mix = Mix((), 1, 0.5, ["500"])
        for name in ("aa", "bb"):
            for number in range(100):
                mix.choose(1, Request(1, 1, "PATCH", f"/v2/app{number}/blobs/uploads/{name}?_state={name}{number}", Headers()))
            mix.asked.clear()
        names = [[request.replace(name, "*") for request, _ in mix.log if f"/{name}?" in request] for name in ("aa", "bb")]
        self.assertEqual(*names)
        self.assertTrue(names[0])

    def test_without_a_share_there_is_none(self):
        self.assertEqual(self.draw(1, range(1000), rate=0), [])


class Levels(unittest.TestCase):
    def stream(self, kib, descriptors):
        stream = Stream("1", None, None)
        stream.samples = [(20_000 + kib(second) + second % 7 * 50, 30 + descriptors(second)) for second in range(200)]
        return stream

    def test_flat(self):
        self.stream(lambda second: -9000 if second < 20 else 0, lambda second: 0).assert_flat()

    def test_memory_that_grows(self):
        with self.assertRaises(AssertionError):
            self.stream(lambda second: second * 20, lambda second: 0).assert_flat()

    def test_descriptors_that_grow(self):
        with self.assertRaises(AssertionError):
            self.stream(lambda second: 0, lambda second: second // 30).assert_flat()


class Tampered(unittest.TestCase):
    """A copy between registries that went well."""

    def setUp(self):
        seed = next(seed for seed in range(1000) if random.Random(f"round {seed}").choice(JOBS) == (COPY, "registry"))
        self.round = Round(seed)
        self.round.setUp()
        self.addCleanup(self.round.doCleanups)
        self.round.perform()
        self.entry = self.round.entries[0]
        self.held = self.round.stage.destination.repository(self.entry.repository)

    def notices(self, error=AssertionError):
        with self.assertRaises(error):
            self.round.judge_of_all.after(self.round.results[-1], "NEW")

    def test_nothing_wrong(self):
        self.round.judge_of_all.after(self.round.results[-1], "NEW")

    def test_a_blob_that_is_missing(self):
        del self.held.blobs[list(self.held.blobs)[-1]]  # which came last
        self.notices(NotWhole)

    def test_another_image(self):
        self.round.stage.destination.load(images.single("another"), *self.entry.name)
        self.notices()

    def test_a_session_that_is_left(self):
        self.round.stage.destination.uploads["left"] = Upload(self.entry.repository)
        self.notices()

    def test_a_class_that_comes_of_no_fault(self):
        result = self.round.results[-1]
        self.round.mix.dealt.clear()
        result.exit_code = 6
        with self.assertRaises(AssertionError):
            self.round.judge_of_all.outcome(result)


if __name__ == "__main__":
    unittest.main()
