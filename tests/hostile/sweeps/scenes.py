"""What the sweeps copy, from where to where. Each destination has the old image; a run brings the new one."""

import functools
import shutil

from judge import Judge
from row import COPY, PARTIAL, TREE, Row
from stage import BYSTANDER, REPOSITORY, TAG, Stage
from support import faults, images, oracle, process

ROW = Row(0, "a position of a sweep", "NEW", max_requests=150)
ONE_JOB = ("--jobs", "1", "--jobs-per-host", "1")


@functools.cache
def small_image():
    return images.single("swept", layers=1, layer_size=100_000)


@functools.cache
def multi_arch_image():
    """A layer that goes through libcurl, and one that is large enough to go around it."""
    platforms = ("linux/amd64", "linux/arm64")
    children = [images.single(f"swept-{platform}", layers=1, layer_size=size, platform=platform)
                for platform, size in zip(platforms, (4096, 600_000))]
    return images.index_of(children, platforms=platforms)


class SweepStage(Stage):
    """As a stage, and a tree may go to a directory."""

    tree_destination = None

    def places(self):
        source, destination = super().places()
        return source, self.tree_destination or destination


class Scene:
    """`prepare()` makes the destination; `found()` says which image it has, after everything was verified."""

    COMMAND, OPTIONS = COPY, ()

    def __init__(self, case, image):
        self.case = case
        self.stage = SweepStage(case, self.COMMAND)
        self.stage.judge = self.judge = Judge(case, self.stage, ROW)
        self.stage.give(image)
        self.out = case.directory / "out"
        self.out.mkdir()
        self.prepare()

    def run(self, prefix=(), options=()):
        return self.stage.run((*ONE_JOB, *self.OPTIONS, *options), prefix=prefix)

    def start(self):
        return self.stage.program.start(*self.stage.arguments((*ONE_JOB, *self.OPTIONS)), env=self.stage.env)

    def old_or_new(self):
        """OLD or NEW, and whole in any case."""
        digest = self.found()
        names = {self.stage.old.digest: "OLD", self.stage.image.digest: "NEW"}
        self.case.assertIn(digest, names)
        return names[digest]

    def starved(self, result, codes):
        """Of a run that was short of something: it ended with one of the codes, or in part where it had more than one image, and
        nothing is spoilt."""
        self.case.assertIn(result.exit_code, codes + ((PARTIAL,) if self.COMMAND == TREE else ()), result)
        self.case.assertTrue(result.exit_code == 0 or result.stderr.strip(), result)
        self.case.check_run(result)
        self.judge.secrets(result)
        self.judge.bounds(result)
        self.case.assertIn(self.old_or_new(), ("NEW",) if result.exit_code == 0 else ("OLD", "NEW"), result)
        self.converges()

    def temporary_files(self):
        return sorted(str(path.relative_to(self.out)) for path in self.out.rglob("*.tmp"))

    def contents(self):
        return {path: path.lstat().st_mtime_ns for path in self.out.rglob("*")}

    def converges(self):
        """A run without faults makes all whole and sweeps up; a second one moves no blob and writes nothing."""
        self.good_run()
        before, since = self.contents(), len(self.stage.source.journal)
        result = self.good_run()
        self.case.assertEqual(self.stage.source.requests("GET", "/blobs/", since=since), [], result)
        self.case.assertEqual(self.contents(), before, "the second run wrote")

    def good_run(self):
        result = self.run()
        self.case.assertEqual(result.exit_code, 0, result)
        self.case.assertEqual(self.old_or_new(), "NEW", result)
        self.case.assertEqual(self.temporary_files(), [], result)
        self.judge.secrets(result)
        self.judge.bounds(result)
        self.case.check_run(result)
        return result


class ToRegistry(Scene):
    NAME = "to a registry"

    def prepare(self):
        pass

    def found(self):
        self.judge.whole()
        return self.stage.destination.repository(REPOSITORY).tags.get(TAG)

    def settle(self):
        """Nobody could cancel what a killed run had begun."""
        process.wait_until(lambda: not self.stage.destination.server.open_connections, what="the end of its connections")
        self.stage.destination.uploads.clear()

    def converges(self):
        self.judge.converges("killed")


class ToLayout(Scene):
    NAME = "to a layout"

    def prepare(self):
        images.write_layout(self.stage.old, self.out, TAG)
        self.stage.destination_reference = f"oci:{self.out}:{TAG}"

    def found(self):
        return oracle.verify_layout(self.out, TAG).digest

    def settle(self):
        pass


class ToArchive(Scene):
    NAME = "to an archive"

    def prepare(self):
        images.write_archive(self.stage.old, self.archive, TAG, scratch=self.case.directory / "scratch")
        self.stage.destination_reference = f"oci-archive:{self.archive}:{TAG}"

    @property
    def archive(self):
        return self.out / "images.tar"

    def found(self):
        return oracle.verify_archive(self.archive, TAG).digest

    def settle(self):
        pass


class ToTree(Scene):
    """With a checkpoint. The tag of the bystander is not there before."""

    NAME, COMMAND = "a tree to layouts, with a checkpoint", TREE

    def prepare(self):
        self.stage.tree_destination = f"oci-tree:{self.out / 'tree'}"
        wanted = self.stage.image
        self.stage.source.load(self.stage.old, REPOSITORY, TAG)
        result = self.stage.run((*ONE_JOB, "--exclude-repo", BYSTANDER))
        self.case.assertEqual(result.exit_code, 0, result)
        self.stage.give(wanted)
        (self.out / "state").mkdir()
        self.OPTIONS = ("--checkpoint", self.out / "state/checkpoint")

    def hold(self):
        """At the catalog: the first thread waits for it, and the workers for the first thread."""
        hold = faults.Hold()
        self.case.addCleanup(hold.release)
        self.stage.source.rule("GET", "/v2/_catalog", hold, nth=1)
        return hold

    def found(self):
        tree = self.out / "tree"
        index = tree / BYSTANDER / "index.json"
        self.bystander_is_there = index.exists() and oracle.layout_entry(index.parent, TAG) is not None
        if self.bystander_is_there:
            self.case.assertEqual(oracle.verify_tree(tree, BYSTANDER, TAG).digest, self.stage.bystander.digest)
        return oracle.verify_tree(tree, REPOSITORY, TAG).digest

    def settle(self):
        pass

    def good_run(self):
        result = super().good_run()
        self.case.assertTrue(self.bystander_is_there, result)
        return result

    def contents(self):
        return {path: time for path, time in super().contents().items() if "state" not in path.parts}
