"""Files of one run stay apart: what is written is never a file that the run reads, copies, or writes for another purpose."""

import hashlib
import json
import os
import time
import unittest

from support import images, oracle
from support.case import USAGE, at
from support.tree import TreeCase, small, tags_of


class Apart(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.image = small(1)
        self.source.load(self.image, "app", "v1")
        self.from_registry = at(self.source, "app", "v1")

    def kept(self, path, codes, *arguments, words=()):
        """Refused in one line that names the file, which stays as it is; no registry was asked."""
        before = path.read_bytes() if path.exists() else None
        result = self.refuse(codes, *arguments, words=(str(path), *words))
        self.assertEqual(len(result.stderr.splitlines()), 1, result)
        self.assertEqual(path.read_bytes() if path.exists() else None, before, result)
        self.assertEqual(self.destination.requests(), [])

    def refuse_copy_to(self, path, option, source, destination):
        self.kept(path, USAGE, "copy", "--progress", "none", option, path, source, destination, words=(option, "name another"))

    def test_an_archive_is_no_report(self):
        archive = self.directory / "x.tar"
        images.write_archive(small(2), archive, "v1")
        link = self.directory / "link"
        link.symlink_to(archive)
        for option in ("--report", "--metrics-file"):
            self.refuse_copy_to(archive, option, self.from_registry, f"oci-archive:{archive}:v2")
            self.refuse_copy_to(archive, option, self.from_registry, f"oci-archive:{link}:v2")
            self.refuse_copy_to(archive, option, f"oci-archive:{archive}:v1", at(self.destination, "app", "v1"))
            self.refuse_copy_to(self.directory / "new.tar", option, self.from_registry, f"oci-archive:{self.directory}/new.tar:v1")
        self.refuse_copy_to(archive, "--checkpoint", f"oci-archive:{archive}:v1", at(self.destination, "app", "v1"))

    def test_a_layouts_files_are_no_reports(self):
        layout = self.directory / "layout"
        images.write_layout(small(2), layout, "v1")
        blob = next(path for path in (layout / "blobs").rglob("*") if path.is_file())
        for path in (layout / "index.json", layout / "oci-layout", layout / ".freightliner.lock", blob):
            self.refuse_copy_to(path, "--report", self.from_registry, f"oci:{layout}:v2")
            self.refuse_copy_to(path, "--metrics-file", f"oci:{layout}:v1", at(self.destination, "app", "v1"))
        self.copy(self.from_registry, f"oci:{layout}:v2", "--report", layout / "report.json")
        self.assertEqual(oracle.verify_layout(layout, "v2").digest, self.image.digest)

    def test_a_trees_files_are_no_reports(self):
        layouts = self.directory / "tree"
        self.replicate(self.source, f"oci-tree:{layouts}")
        index = layouts / "app/index.json"
        for option in ("--report", "--metrics-file", "--checkpoint", "--lock"):
            for ends in ((self.source, f"oci-tree:{layouts}"), (f"oci-tree:{layouts}", self.destination)):
                self.kept(index, USAGE, *self.arguments(*ends, option, index), words=(option,))
        for option in ("--report", "--metrics-file"):
            self.kept(index, USAGE, *self.arguments(self.source, f"oci-tree:{layouts}", option, index, command="check"))
        self.replicate(self.source, f"oci-tree:{layouts}", "--report", layouts / "report.json")

    def test_a_line_of_a_batch(self):
        archive, report = self.directory / "x.tar", self.directory / "y.tar"
        lines = [{"source": self.from_registry, "destination": f"oci-archive:{path}:v1"} for path in (report, archive)]
        result = self.program.run("copy", "--progress", "none", "--jobs", "1", "--batch", "-", "--report", report,
                                  stdin="\n".join(map(json.dumps, lines)).encode())
        self.assertEqual(result.exit_code, 3, result)
        first, second = sorted(map(json.loads, result.stdout.splitlines()), key=lambda line: line["line"])
        self.assertEqual(first["error"]["class"], "usage", result)
        self.assertIn("line 1", first["error"]["message"])
        self.assertIn("--report", first["error"]["message"])
        self.assertEqual(second["status"], "copied", result)
        self.assertEqual(json.loads(report.read_text())["totals"]["failed"], 1)
        self.assertEqual(oracle.verify_archive(archive, "v1").digest, self.image.digest)

    def test_who_could_not_read_the_last_report_can_not_read_the_next(self):
        for option in ("--report", "--metrics-file"):
            path = self.directory / option.strip("-")
            self.replicate(self.source, self.destination, option, path)
            self.assertEqual(path.stat().st_mode & 0o777, 0o644)
            for mode in (0o600, 0o664):
                path.chmod(mode)
                before = path.stat().st_mtime_ns
                self.replicate(self.source, self.destination, option, path)
                self.assertGreater(path.stat().st_mtime_ns, before, "written anew")
                self.assertEqual(path.stat().st_mode & 0o777, mode)

    def test_files_that_are_read(self):
        names = self.directory / "names"
        names.write_text("app\n")
        password = self.write_json(self.directory / "password", "secret")
        authfile = self.write_json(self.directory / "auth.json", {"auths": {}})
        for given, path in (("--repos-file", names), ("--authfile", authfile), ("--dest-password-file", password)):
            more = ("--dest-username", "user") if given == "--dest-password-file" else ()
            for option in ("--report", "--metrics-file", "--checkpoint", "--lock"):
                self.kept(path, USAGE, *self.arguments(self.source, self.destination, given, path, *more, option, path),
                          words=(option, given))
        config = self.directory / "sync.yaml"
        config.write_text(f"jobs: [{{name: one, source: {self.source.host}, destination: {self.destination.host}}}]\n")
        for option in ("--report", "--metrics-file", "--checkpoint", "--lock"):
            self.kept(config, USAGE, "sync", "--progress", "none", "--config", config, option, config)

    def test_what_failed_may_be_reported_again_in_the_same_place(self):
        report = self.directory / "report.json"
        self.replicate(self.source, self.destination, "--report", report)
        self.replicate(self.source, self.destination, "--report", report, "--retry-failed-from", report)
        self.assertEqual(json.loads(report.read_text())["exit_code"], 0)
        self.destination.journal.clear()
        self.kept(report, USAGE, *self.arguments(self.source, self.destination, "--retry-failed-from", report, "--lock", report))

    def test_jobs_of_a_sync(self):
        (self.directory / "tree/app").mkdir(parents=True)
        (self.directory / "tree/_blobs/sha256").mkdir(parents=True)

        def run(**second):
            jobs = [{"name": "one", "source": self.source.host, "destination": f"oci-tree:{self.directory}/tree",
                     "report": f"{self.directory}/report", "lock": f"{self.directory}/lock"},
                    {"name": "two", "source": self.source.host, "destination": self.destination.host, **second}]
            config = self.directory / "sync.yaml"
            config.write_text(json.dumps({"jobs": jobs}))
            return ("sync", "--progress", "none", "--config", config)

        for option, name in (("lock", "report"), ("checkpoint", "lock"), ("metrics-file", "./report"),
                             ("report", "tree/app/index.json"), ("lock", "tree/_blobs/sha256/x")):
            path = f"{self.directory}/{name}"
            self.refuse(USAGE, *run(**{option: path}), words=("one", "two", path))
        self.assertEqual(self.destination.requests(), [])
        self.succeed(*run(lock=f"{self.directory}/lock"))
        self.assert_tree(self.destination, {("app", "v1"): self.image})


class Locks(TreeCase):
    """--lock FILE empties the file that it locks: only one that looks like a lock."""

    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.source.load(small(1), "app", "v1")

    def test_a_file_of_the_user_is_left_as_it_is(self):
        layout = self.directory / "layout"
        images.write_layout(small(2), layout, "v1")
        notes = self.directory / "notes.txt"
        notes.write_text("my important notes\n" * 10)
        journal = self.directory / "journal"
        self.replicate(self.source, self.destination, "--checkpoint", journal)
        self.source.load(small(3), "app", "v2")
        for path in (notes, journal, layout / "index.json", layout / "oci-layout"):
            before, tags = path.read_bytes(), tags_of(self.destination)
            self.refuse_tree(USAGE, self.source, self.destination, "--lock", path, words=(str(path), "--lock"))
            self.assertEqual(path.read_bytes(), before)
            self.assertEqual(tags_of(self.destination), tags)

    def test_the_checkpoint_and_the_report_are_no_locks(self):
        for option in ("--checkpoint", "--report", "--metrics-file"):
            path = self.directory / "file"
            self.refuse_tree(USAGE, self.source, self.destination, option, path, "--lock", path, words=("--lock", option))
            self.assertFalse(path.exists())

    def test_locks_that_are_used_again(self):
        lock = self.directory / "l"
        for text in ("", "4711\n", "4711"):
            lock.write_text(text)
            self.replicate(self.source, self.destination, "--lock", lock)
            self.assertRegex(lock.read_text(), r"^[0-9]+\n$")


class JournalsOfOthers(TreeCase):
    def test_what_others_could_have_written_is_not_believed(self):
        source, destination = self.scripted(), self.scripted()
        old, new = small("old"), small("new")
        source.load(small("first"), "app", "v0")
        journal = self.directory / "journal"
        self.replicate(source, destination, "--checkpoint", journal)
        source.load(new, "app", "v1")
        destination.load(old, "app", "v1")
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        line = f'{{"repository":"app","tag":"v1","digest":"{new.digest}","finished":"{now}"'
        line += f',"sum":"{hashlib.sha256(line.encode()).hexdigest()[:16]}"}}\n'
        with open(journal, "a") as file:
            file.write(line)
        journal.chmod(0o666)
        result = self.program.run(*self.arguments(source, destination, "--checkpoint", journal))
        self.assertEqual(result.exit_code, 0, result)
        self.assertEqual(tags_of(destination)["app", "v1"], new.digest, result)
        self.assertEqual(result.stderr.count("other users could have written to the checkpoint"), 1, result)
        self.assertEqual(journal.stat().st_mode & 0o777, 0o600)
        self.assertEqual(journal.stat().st_uid, os.getuid())
        result = self.program.run(*self.arguments(source, destination, "--checkpoint", journal))
        self.assertNotIn("other users", result.stderr)


if __name__ == "__main__":
    unittest.main()
