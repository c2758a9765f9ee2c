"""ENOSPC and EIO at every call that writes, syncs, renames or creates: the run fails as one of the local file system, the
destination has the old image or the new one, whole, nothing half written is left, and the next run puts all right. Cases 105 and
107."""

import json
import unittest

from trials import WHOLE, Trial, discover, sweep  # first: it knows where the others are

import scenes
import tracing
from row import COPY, PARTIAL

IMAGE = scenes.multi_arch_image() if WHOLE else scenes.small_image()
ERRORS = ("ENOSPC", "EIO")
LOCAL_IO = 11
SYNCS = ("fsync", "fdatasync")
# What a run can do without: the number of the process in its lock, and finished tags in the checkpoint, which the next run asks for
# again.
DISPENSABLE = {("ftruncate", "run.lock"), ("write", "run.lock"), ("pwrite64", "checkpoint"), ("fdatasync", "checkpoint")}


class Failing(Trial):
    def __init__(self, scene, position, error, which=None):
        super().__init__(f"{position}: {error}")
        self.scene, self.position, self.error, self.which = scene, position, error, which

    def perform(self):
        scene = self.scene(self, IMAGE)
        injection = tracing.failure(self.position, self.error)
        if self.which is None:
            result, trace = tracing.first_thread(scene, injection)
        else:
            result, trace, _ = tracing.held_thread(scene, injection, self.which)
        if [position for position in trace.injected if (position.call, position.target) not in DISPENSABLE]:
            self.local_io(result)
            self.synced_once(trace)
        else:
            self.assertEqual(result.exit_code, 0, result)
        self.assertEqual(scene.temporary_files(), [], result)
        scene.judge.secrets(result)
        self.check_run(result)
        scene.old_or_new()
        scene.converges()
        return trace.injected == [self.position]

    def local_io(self, result):
        """Told as what it is: in the exit code, or in the report of a tree whose other images arrived."""
        if result.exit_code == PARTIAL and self.scene.COMMAND != COPY:
            failed = [entry for entry in json.loads(result.stdout)["references"] if entry["error_class"]]
            self.assertEqual({entry["error_class"] for entry in failed}, {"local_io"}, result)
        else:
            self.assertEqual(result.exit_code, LOCAL_IO, result)
        self.assertTrue(result.stderr.strip(), result)

    def synced_once(self, trace):
        """A second fsync of what could not be made durable would succeed, and prove nothing."""
        failed = trace.injected[0]
        if failed.call in SYNCS and failed.target.endswith(".tmp"):
            path = failed.arguments.partition(">")[0]
            calls = [position.call for position in trace.positions if position.arguments.partition(">")[0] == path]
            self.assertEqual(len([call for call in calls if call in SYNCS]), 1, calls)


class Disk(unittest.TestCase):
    """The quick set: one of the errors at each position, in turn. The whole set: both."""

    def sweep(self, scene, title, positions, which=None):
        files = [position for position in positions if position.is_file]
        chosen = [(position, error) for number, position in enumerate(files) for error in ERRORS
                  if WHOLE or error == ERRORS[number % 2]]
        sweep(self, f"ENOSPC and EIO at {len(files)} positions, {title}",
              [Failing(scene, position, error, which) for position, error in chosen])

    def sweep_first_thread(self, scene, alone=True):
        self.sweep(scene, scene.NAME, discover(self, tracing.positions_of_first_thread(scene, IMAGE, alone)))

    def test_to_a_registry(self):
        self.sweep_first_thread(scenes.ToRegistry)

    def test_to_a_layout(self):
        self.sweep_first_thread(scenes.ToLayout)

    def test_to_an_archive(self):
        self.sweep_first_thread(scenes.ToArchive)

    def test_a_tree_its_first_thread(self):
        self.sweep_first_thread(scenes.ToTree, alone=False)

    def test_a_tree_its_worker(self):
        which, positions = discover(self, tracing.positions_of_worker(scenes.ToTree, IMAGE))
        self.sweep(scenes.ToTree, f"{scenes.ToTree.NAME}, its worker", positions, which)


if __name__ == "__main__":
    unittest.main()
