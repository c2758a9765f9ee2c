"""EMFILE at every call that gives a descriptor: the run ends with a class or goes on without, the destination has the old image or
the new one, whole, and the next run puts all right. Case 106."""

import unittest

from trials import Trial, discover, sweep  # first: it knows where the others are

import scenes
import tracing

# Done without; the credentials can't be read; a socket or a file can't be opened.
CODES = (0, 4, 11)
# What the monitor reads of /proc/self: now and then, where a run takes longer. The other scenes have it once.
BY_THE_CLOCK = ("status", "fd")


class Short(Trial):
    def __init__(self, scene, position, which=None):
        super().__init__(str(position))
        self.scene, self.position, self.which = scene, position, which

    def perform(self):
        scene = self.scene(self, scenes.small_image())
        injection = tracing.failure(self.position, "EMFILE")
        if self.which is None:
            result, trace = tracing.first_thread(scene, injection, calls=tracing.DESCRIPTORS)
        else:
            result, trace, _ = tracing.held_thread(scene, injection, self.which, tracing.DESCRIPTORS)
            result.requests, result.peak_rss_kib = 0, 0  # not measured
        scene.starved(result, CODES)
        # By number alone: which of two repositories is listed first, and so which file it is, differs from run to run.
        return [(hit.call, hit.number) for hit in trace.injected] == [(self.position.call, self.position.number)]


class Descriptors(unittest.TestCase):
    def sweep_scene(self, scene, without=()):
        find = tracing.positions_of_first_thread(scene, scenes.small_image(), calls=tracing.DESCRIPTORS)
        positions = [position for position in discover(self, find) if position.target not in without]
        sweep(self, f"EMFILE, {scene.NAME}", [Short(scene, position) for position in positions])

    def test_a_tree_its_first_thread(self):
        self.sweep_scene(scenes.ToTree, without=BY_THE_CLOCK)

    def test_a_tree_its_worker(self):
        find = tracing.positions_of_worker(scenes.ToTree, scenes.small_image(), tracing.DESCRIPTORS)
        which, positions = discover(self, find)
        sweep(self, f"EMFILE, {scenes.ToTree.NAME}, its worker", [Short(scenes.ToTree, position, which) for position in positions])

    def test_to_a_registry(self):
        self.sweep_scene(scenes.ToRegistry)

    def test_to_a_layout(self):
        self.sweep_scene(scenes.ToLayout)

    def test_to_an_archive(self):
        self.sweep_scene(scenes.ToArchive)


if __name__ == "__main__":
    unittest.main()
