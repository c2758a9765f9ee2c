"""kill -9 at every request, and at every call that writes: the destination has the old image or the new one, whole, and the next
run puts all right. Case 103."""

import unittest

from trials import WHOLE, Trial, discover, sweep  # first: it knows where the others are

import scenes
import tracing

IMAGE = scenes.multi_arch_image() if WHOLE else scenes.small_image()


class Killed(Trial):
    def __init__(self, scene, image, position, which=None):
        super().__init__(str(position))
        self.scene, self.image, self.position, self.which = scene, image, position, which

    def perform(self):
        scene = self.scene(self, self.image)
        injection = tracing.kill(self.position)
        if self.which is None:
            result, trace = tracing.first_thread(scene, injection)
        else:
            result, trace, _ = tracing.held_thread(scene, injection, self.which)
        self.assertEqual(result.exit_code, 137 if trace.killed else 0, result)
        scene.settle()
        scene.old_or_new()
        scene.converges()
        return trace.killed and trace.positions[-1] == self.position


class Kill(unittest.TestCase):
    def sweep_first_thread(self, scene, image, alone=True):
        positions = discover(self, tracing.positions_of_first_thread(scene, image, alone))
        sweep(self, f"kill -9, {scene.NAME}", [Killed(scene, image, position) for position in positions])

    def test_to_a_registry(self):
        self.sweep_first_thread(scenes.ToRegistry, IMAGE)

    def test_to_a_layout(self):
        self.sweep_first_thread(scenes.ToLayout, IMAGE)

    def test_to_an_archive(self):
        self.sweep_first_thread(scenes.ToArchive, IMAGE)

    def test_a_tree_its_first_thread(self):
        self.sweep_first_thread(scenes.ToTree, IMAGE, alone=False)

    def test_a_tree_its_worker(self):
        which, positions = discover(self, tracing.positions_of_worker(scenes.ToTree, IMAGE))
        sweep(self, f"kill -9, {scenes.ToTree.NAME}, its worker",
              [Killed(scenes.ToTree, IMAGE, position, which) for position in positions])


if __name__ == "__main__":
    unittest.main()
