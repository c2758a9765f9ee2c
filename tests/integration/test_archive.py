"""oci-archive: a layout in one tar, read member by member and never extracted."""

import fcntl
import io
import os
import tarfile
import unittest

from support import images, oracle, process
from support.case import Case, at
from support.tree import LOCKED
from test_layout import HELLO


class Archives(Case):
    def setUp(self):
        super().setUp()
        self.archive = self.directory / "image.tar"
        self.image = images.multi_arch()
        self.destination = self.registry()

    def test_round_trip(self):
        images.write_layout(self.image, self.directory / "layout", "v1")
        self.copy(f"oci:{self.directory}/layout:v1", f"oci-archive:{self.archive}:v1")
        self.assertEqual(oracle.verify_archive(self.archive, "v1").digest, self.image.digest)
        self.copy(f"oci-archive:{self.archive}:v1", at(self.destination, "a", "v1"))
        self.assert_whole(self.destination, "a", "v1", self.image)
        self.copy(f"oci-archive:{self.archive}:v1", f"oci:{self.directory}/back:v1")
        self.assertEqual(oracle.verify_layout(self.directory / "back", "v1").digest, self.image.digest)

    def test_from_a_registry(self):
        source = self.registry()
        self.push(source, self.image, "a", "v1")
        self.copy(at(source, "a", "v1"), f"oci-archive:{self.archive}:v1")
        self.assertEqual(oracle.verify_archive(self.archive, "v1").digest, self.image.digest)
        self.assertEqual([path.name for path in self.directory.glob("*.t*")], ["image.tar"])

    def test_skopeo_reads_ours(self):
        self.copy(f"oci:{HELLO}:latest", f"oci-archive:{self.archive}:v1")
        process.run_tool("skopeo", "copy", "-a", f"oci-archive:{self.archive}:v1", f"oci:{self.directory}/skopeo:v1")
        self.assertEqual(
            oracle.verify_layout(self.directory / "skopeo", "v1").digest, oracle.layout_entry(HELLO)["digest"]
        )

    def test_we_read_skopeos(self):
        process.run_tool("skopeo", "copy", "-a", f"oci:{HELLO}:latest", f"oci-archive:{self.archive}:v1")
        record = self.copy_json(f"oci-archive:{self.archive}:v1", at(self.destination, "a", "v1"))
        self.assertEqual(record["digest"], oracle.layout_entry(HELLO)["digest"])

    def test_members_in_any_order(self):
        images.write_archive(self.image, self.archive, "v1")
        with tarfile.open(self.archive) as archive:
            members = [(member, archive.extractfile(member).read()) for member in archive if member.isfile()]
        with tarfile.open(self.archive, "w", format=tarfile.PAX_FORMAT) as archive:
            for member, data in reversed(members):
                member.name = "./" + member.name
                archive.addfile(member, io.BytesIO(data))
        self.copy(f"oci-archive:{self.archive}:v1", at(self.destination, "a", "v1"))
        self.assert_whole(self.destination, "a", "v1", self.image)

    def test_a_failed_copy_keeps_the_old_archive(self):
        images.write_archive(images.single(9), self.archive, "v1")
        before = self.archive.read_bytes()
        source = self.scripted()
        source.load(self.image, "a", "v1")
        victim = self.image.document["manifests"][0]["digest"]
        del source.repository("a").manifests[victim]
        self.refuse_copy(5, at(source, "a", "v1"), f"oci-archive:{self.archive}:v1")
        self.assertEqual(self.archive.read_bytes(), before)
        self.assertEqual([path.name for path in self.directory.glob("*image*")], ["image.tar"])


class SeveralWriters(Case):
    """Of two runs that write one archive at the same time, the one that would lose the other's image says so."""

    def setUp(self):
        super().setUp()
        self.archive = self.directory / "image.tar"
        self.images = {f"v{number}": images.single(number) for number in range(4)}
        self.source = self.scripted()
        for tag, image in self.images.items():
            self.source.load(image, "a", tag)

    def start(self, tag):
        run = self.program.start("copy", "--progress", "none", at(self.source, "a", tag), f"oci-archive:{self.archive}:{tag}")
        self.addCleanup(lambda: run.alive() and run.send_signal(9))
        return run

    def begun(self):
        return len(list(self.directory.glob(".image.tar.*.tmp")))

    def finish(self, runs):
        """Each tag whose run ended with 0 is in the archive; who lost says so, and comes to it the next time."""
        done = {tag: run.wait() for tag, run in runs.items()}
        for tag, result in done.items():
            self.assertIn(result.exit_code, (0, LOCKED), result)
            self.check_run(result)
            if result.exit_code == LOCKED:
                self.assertIn("changed by another program", result.stderr)
                self.assertIn(str(self.archive), result.stderr)
        done = {tag: result.exit_code for tag, result in done.items()}
        for tag in (tag for tag, code in done.items() if code == 0):
            self.assertEqual(oracle.verify_archive(self.archive, tag).digest, self.images[tag].digest, done)
        for tag in (tag for tag, code in done.items() if code != 0):
            self.copy(at(self.source, "a", tag), f"oci-archive:{self.archive}:{tag}")
        for tag, image in self.images.items():
            if tag in runs:
                self.assertEqual(oracle.verify_archive(self.archive, tag).digest, image.digest, done)
        self.assertEqual([path.name for path in self.directory.glob("*image*")], ["image.tar"])
        return done

    def test_both_at_the_end_at_once(self):
        directory = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        fcntl.flock(directory, fcntl.LOCK_EX)  # so that none is through before the other has begun
        runs = {tag: self.start(tag) for tag in ("v0", "v1")}
        process.wait_until(lambda: self.begun() == 2, timeout=60, what="two runs that write")
        self.assertFalse(self.archive.exists())
        fcntl.flock(directory, fcntl.LOCK_UN)
        self.assertEqual(sorted(self.finish(runs).values()), [0, LOCKED])

    def test_several_at_any_time(self):
        for _ in range(3):
            self.archive.unlink(missing_ok=True)
            self.finish({tag: self.start(tag) for tag in self.images})

    def test_the_lock_leaves_the_directory_as_it_was(self):
        self.copy(at(self.source, "a", "v0"), f"oci-archive:{self.archive}:v0")
        self.assertEqual([path.name for path in self.directory.iterdir() if path.is_file()], ["image.tar"])


class Hostile(Case):
    def setUp(self):
        super().setUp()
        self.archive = self.directory / "image.tar"
        self.destination = self.registry()
        self.image = images.single()
        images.write_archive(self.image, self.archive, "v1")

    def refused(self, codes=(5, 7, 9, 11)):
        self.refuse_copy(codes, f"oci-archive:{self.archive}:v1", at(self.destination, "a", "v1"), timeout=30)
        self.assert_absent(self.destination, "a", "v1")

    def rewrite(self, change):
        """Writes the archive again, `change(archive, member, data)` in place of each file."""
        with tarfile.open(self.archive) as archive:
            members = [(member, archive.extractfile(member).read()) for member in archive if member.isfile()]
        with tarfile.open(self.archive, "w") as archive:
            for member, data in members:
                change(archive, member, data)

    def test_truncated(self):
        data = self.archive.read_bytes()
        for size in (0, 100, 512, 1536, len(data) // 2):
            with self.subTest(size=size):
                self.archive.write_bytes(data[:size])
                self.refused()

    def test_not_a_tar(self):
        self.archive.write_bytes(b"\x00\xff" * 5000)
        self.refused()

    def test_missing_file(self):
        self.archive.unlink()
        self.refused(5)

    def test_blobs_as_links(self):
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            with self.subTest(kind=kind):
                images.write_archive(self.image, self.archive, "v1")

                def change(archive, member, data):
                    if member.name.startswith("blobs/"):
                        member.type, member.linkname, member.size, data = kind, "/etc/passwd", 0, b""
                    archive.addfile(member, io.BytesIO(data))

                self.rewrite(change)
                self.refused()

    def test_names_that_climb_are_no_blobs(self):
        def change(archive, member, data):
            member.name = member.name.replace("blobs/", "../blobs/")
            archive.addfile(member, io.BytesIO(data))

        self.rewrite(change)
        self.refused()
        self.assertFalse((self.directory.parent / "blobs").exists())

    def test_a_changed_bit(self):
        def change(archive, member, data):
            if member.name.startswith("blobs/") and not data.startswith(b"{"):
                data = data[:-1] + bytes([data[-1] ^ 1])
            archive.addfile(member, io.BytesIO(data))

        self.rewrite(change)
        self.refused(7)


if __name__ == "__main__":
    unittest.main()
