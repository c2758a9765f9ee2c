"""ENOMEM at every call that asks for memory or for a thread, once and from there on: the run ends with a class or goes on without, the
destination has the old image or the new one, whole, and the next run puts all right. Case 106."""

import unittest

from trials import Trial, discover, sweep  # first: it knows where the others are

import scenes
import tracing
from row import PARTIAL, TREE

# Done with less; out of memory; the credentials, the other side or the file can't be reached.
CODES = (0, 1, 4, 6, 10, 11)


class Refused(Trial):
    def __init__(self, scene, position, more=()):
        super().__init__(f"{position}, {'and all behind it' if more else 'alone'}")
        self.scene, self.position, self.more = scene, position, more

    def perform(self):
        scene = self.scene(self, scenes.small_image())
        injection = self.more or tracing.failure(self.position, "ENOMEM")
        result, trace = tracing.first_thread(scene, injection, calls=tracing.MEMORY)
        self.assertIn(result.exit_code, CODES + ((PARTIAL,) if scene.COMMAND == TREE else ()), result)
        self.assertTrue(result.exit_code == 0 or result.stderr.strip(), result)
        self.check_run(result)
        scene.judge.secrets(result)
        scene.judge.bounds(result)
        self.assertIn(scene.old_or_new(), ("NEW",) if result.exit_code == 0 else ("OLD", "NEW"), result)
        scene.converges()
        return self.position in trace.injected


class Memory(unittest.TestCase):
    def sweep_scene(self, scene):
        positions = discover(self, tracing.positions_of_first_thread(scene, scenes.small_image(), calls=tracing.MEMORY))
        sweep(self, f"ENOMEM, {scene.NAME}", [
            Refused(scene, position, more) for position in positions
            for more in ((), tracing.failures_from(position, positions, "ENOMEM", tracing.MEMORY))])

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
