"""ENOMEM at every call that asks for memory or for a thread, once and from there on, and limits of the address space from too little
to enough: the run ends with a class or goes on without, the destination has the old image or the new one, whole, and the next run
puts all right. Case 106."""

import shutil
import unittest

from trials import WHOLE, Trial, discover, sweep  # first: it knows where the others are

import scenes
import tracing

# Done with less; out of memory; the credentials, the other side or the file can't be reached.
CODES = (0, 1, 4, 6, 10, 11)
NOT_LOADED = 127
SPAN, STEP = 24 << 10, 64 if WHOLE else 512  # KiB


class Refused(Trial):
    def __init__(self, scene, position, more=()):
        super().__init__(f"{position}, {'and all behind it' if more else 'alone'}")
        self.scene, self.position, self.more = scene, position, more

    def perform(self):
        scene = self.scene(self, scenes.small_image())
        injection = self.more or tracing.failure(self.position, "ENOMEM")
        result, trace = tracing.first_thread(scene, injection, calls=tracing.MEMORY)
        scene.starved(result, CODES)
        return self.position in trace.injected


def limited(case, scene_class, kib):
    scene = scene_class(case, scenes.small_image())
    return scene, scene.run(("prlimit", f"--as={kib * 1024}"))


class Limited(Trial):
    def __init__(self, scene, kib):
        super().__init__(f"{kib} KiB of addresses")
        self.scene, self.kib = scene, kib

    def perform(self):
        scene, result = limited(self, self.scene, self.kib)
        if result.exit_code == NOT_LOADED:
            self.assertEqual(scene.old_or_new(), "OLD")
        else:
            scene.starved(result, CODES)
        return True


def enough(scene):
    """For discover(): the smallest limit, in MiB, with which a run goes through and misses nothing."""

    def find(case):
        low, high = 1, 1024
        while low < high:
            middle = (low + high) // 2
            tried, result = limited(case, scene, middle * 1024)
            shutil.rmtree(tried.out)
            low, high = (low, middle) if result.exit_code == 0 and not result.stderr else (middle + 1, high)
        return low

    return find


class Memory(unittest.TestCase):
    def sweep_scene(self, scene):
        positions = discover(self, tracing.positions_of_first_thread(scene, scenes.small_image(), calls=tracing.MEMORY))
        sweep(self, f"ENOMEM, {scene.NAME}", [
            Refused(scene, position, more) for position in positions
            for more in ((), tracing.failures_from(position, positions, "ENOMEM", tracing.MEMORY))])

    def sweep_limits(self, scene):
        """Down from what is enough: in the last steps threads, the heap and the libraries' own memory run short one after another."""
        most = discover(self, enough(scene)) * 1024
        limits = range(most - SPAN, most, STEP)
        sweep(self, f"limits of the address space, {scene.NAME}", [Limited(scene, kib) for kib in limits])

    def test_limits_to_a_registry(self):
        self.sweep_limits(scenes.ToRegistry)

    def test_limits_of_a_tree(self):
        self.sweep_limits(scenes.ToTree)

    def test_to_a_registry(self):
        self.sweep_scene(scenes.ToRegistry)

    def test_to_a_layout(self):
        self.sweep_scene(scenes.ToLayout)

    def test_to_an_archive(self):
        self.sweep_scene(scenes.ToArchive)

    def test_a_tree(self):
        self.sweep_scene(scenes.ToTree)


if __name__ == "__main__":
    unittest.main()
