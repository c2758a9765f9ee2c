"""OCI layouts: written as a trusted store is, read without trust."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import threading
import unittest

from support import client, images, oracle, process
from support.case import INTEGRITY, LOCAL, NOT_FOUND, Case, at
from support.runner import strange_files_in_layout

HELLO = pathlib.Path(__file__).resolve().parents[2] / "examples" / "hello"


class Writing(Case):
    def setUp(self):
        super().setUp()
        self.layout = self.directory / "layout"

    def test_the_bundled_sample(self):
        record = self.copy_json(f"oci:{HELLO}:latest", f"oci:{self.layout}:latest")
        self.assertEqual(record["digest"], oracle.layout_entry(HELLO)["digest"])
        closure = oracle.verify_layout(self.layout)
        self.assertEqual(closure.digests, oracle.verify_layout(HELLO).digests)
        self.assertEqual(strange_files_in_layout(self.layout), [])

    def test_kinds(self):
        source = self.registry()
        for name, image in (
            ("multi", images.multi_arch()),
            ("docker", images.multi_arch(docker=True)),
            ("nested", images.nested(16)),
            ("empty", images.with_empty_blob()),
            ("odd", images.with_odd_bytes()),
            ("duplicates", images.with_duplicate_layers()),
        ):
            with self.subTest(kind=name):
                self.push(source, image, name, "v1")
                self.copy(at(source, name, "v1"), f"oci:{self.layout}:{name}")
                closure = oracle.verify_layout(self.layout, name)
                self.assertEqual(closure.digest, image.digest)
                self.assertEqual(closure.manifests[image.digest], image.bytes)
        self.assertEqual(strange_files_in_layout(self.layout), [])

    def test_others_read_what_we_write(self):
        image = images.multi_arch(platforms=("linux/amd64", "linux/arm64"))
        source = self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), f"oci:{self.layout}:v1")
        process.run_tool("skopeo", "copy", "-a", f"oci:{self.layout}:v1", f"oci:{self.directory}/by-skopeo:v1")
        self.assertEqual(oracle.verify_layout(self.directory / "by-skopeo", "v1").digest, image.digest)
        self.copy(f"oci:{self.layout}:v1", f"oci:{self.directory}/one:v1", "--platform", "linux/amd64")
        process.run_tool("umoci", "stat", "--json", "--image", f"{self.directory}/one:v1")

    def test_a_second_tag_joins_the_first(self):
        for number in (1, 2):
            images.write_layout(images.single(number), self.directory / f"source{number}", "x")
            self.copy(f"oci:{self.directory}/source{number}:x", f"oci:{self.layout}:tag{number}")
        for number in (1, 2):
            self.assertEqual(oracle.verify_layout(self.layout, f"tag{number}").digest, images.single(number).digest)

    def test_a_tag_moves(self):
        for number in (1, 2):
            images.write_layout(images.single(number), self.directory / "source", f"v{number}")
            self.copy(f"oci:{self.directory}/source:v{number}", f"oci:{self.layout}:latest")
            self.assertEqual(oracle.verify_layout(self.layout).digest, images.single(number).digest)

    def test_what_others_wrote_in_the_index_stays(self):
        images.write_layout(images.single(1), self.layout, "theirs")
        path = self.layout / "index.json"
        index = json.loads(path.read_bytes())
        index["annotations"] = {"org.example.note": "keep me"}
        index["manifests"][0]["annotations"]["org.example.more"] = "keep me too"
        index["manifests"].append({**images.single(1).root, "x-unknown": [1, 2]})
        path.write_bytes(images.to_json(index))
        images.write_layout(images.single(2), self.directory / "source", "v1")
        self.copy(f"oci:{self.directory}/source:v1", f"oci:{self.layout}:ours")
        after = json.loads(path.read_bytes())
        self.assertEqual(after["annotations"], index["annotations"])
        for entry in index["manifests"]:
            self.assertIn(entry, after["manifests"])
        self.assertEqual(len(after["manifests"]), 3)

    def test_many_writers_lose_no_tag(self):
        source = self.registry()
        self.push(source, images.single(), "a", "v1")
        results = {}

        def run(number):
            results[number] = self.program.run("copy", "--progress", "none", at(source, "a", "v1"),
                                               f"oci:{self.layout}:tag{number}", timeout=180)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), len(threads))
        for number, result in results.items():
            self.assertEqual(result.exit_code, 0, result)
            oracle.verify_layout(self.layout, f"tag{number}")
        self.assertEqual(strange_files_in_layout(self.layout), [])

    def test_blobs_already_there_are_not_fetched(self):
        image = images.single(layers=4)
        source = self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), f"oci:{self.layout}:v1")
        (self.layout / "index.json").write_bytes(images.to_json({"schemaVersion": 2, "manifests": []}))
        source.mark()
        record = self.copy_json(at(source, "a", "v1"), f"oci:{self.layout}:v1")
        self.assertEqual(source.requests(method="GET", path="/blobs/"), [])
        self.assertEqual(record["blobs"]["present"], len(image.blobs))
        oracle.verify_layout(self.layout, "v1")

    def test_a_blob_of_the_wrong_size_is_fetched_again(self):
        image = images.single(layers=2)
        source = self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), f"oci:{self.layout}:v1")
        victim = self.layout / "blobs" / image.document["layers"][0]["digest"].replace(":", "/")
        victim.write_bytes(b"half")
        (self.layout / "index.json").write_bytes(images.to_json({"schemaVersion": 2, "manifests": []}))
        self.copy(at(source, "a", "v1"), f"oci:{self.layout}:v1")
        self.assertEqual(oracle.verify_layout(self.layout, "v1").digest, image.digest)

    def test_durable_order(self):
        """Every blob is synced before its rename; index.json is synced and renamed last; directories are synced."""
        images.write_layout(images.single(), self.directory / "source", "v1")
        trace = self.directory / "trace"
        self.copy(
            f"oci:{self.directory}/source:v1", f"oci:{self.layout}:v1",
            prefix=("strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,linkat"),
            env={"ASAN_OPTIONS": "detect_leaks=0"},
        )
        synced, renamed = set(), []
        for line in trace.read_text().splitlines():
            if match := re.search(r"f(?:data)?sync\(\d+<([^>]*)>", line):
                synced.add(match[1])
            elif re.search(r"\brename(at2?)?\(", line):
                names = re.findall(r'"([^"]*)"', line)
                self.assertTrue(any(path.endswith(names[0].rsplit("/", 1)[-1]) for path in synced), line)
                renamed.append(names[1])
        self.assertTrue(renamed and renamed[-1].endswith("index.json"), renamed)
        self.assertIn(str(self.layout), synced)
        self.assertIn(str(self.layout / "blobs/sha256"), synced)

    def test_a_file_where_the_directory_should_be(self):
        (self.directory / "file").write_text("x")
        self.refuse_copy(LOCAL, f"oci:{HELLO}:latest", f"oci:{self.directory}/file:v1", words=str(self.directory / "file"))
        self.refuse_copy(LOCAL, f"oci:{HELLO}:latest", f"oci:{self.directory}/file/below:v1")
        self.assertEqual((self.directory / "file").read_text(), "x")

    def test_a_directory_of_something_else(self):
        """A folder with other things in it does not become a layout by accident, and loses nothing."""
        other = self.directory / "other"
        other.mkdir()
        (other / "letter.txt").write_text("dear")
        result = self.program.run("copy", "--progress", "none", f"oci:{HELLO}:latest", f"oci:{other}:v1")
        self.check_run(result)
        self.assertEqual((other / "letter.txt").read_text(), "dear")


class ADirectoryThatAKilledRunMade(Case):
    """mkdir was done, the fsync after it was not: a power cut may still take it, with all that comes into it."""

    def synced(self, *command):
        """The directories that a run syncs."""
        trace = self.directory / "trace"
        self.succeed(*command, prefix=("strace", "-f", "-y", "-o", trace, "-e", "trace=fsync"),
                     env={"ASAN_OPTIONS": "detect_leaks=0"})
        return set(re.findall(r"fsync\(\d+<([^>]*)>", trace.read_text()))

    def copy_to(self, layout, tag="v1"):
        return self.synced("copy", "--progress", "none", f"oci:{HELLO}:latest", f"oci:{layout}:{tag}")

    def test_its_entry_becomes_durable(self):
        outer = self.directory / "outer"
        for made in ("outer", "outer/inner", "outer/inner/layout", "outer/inner/layout/blobs", "outer/inner/layout/blobs/sha256"):
            with self.subTest(made=made):
                shutil.rmtree(outer, ignore_errors=True)
                (self.directory / made).mkdir(parents=True)
                self.assertIn(str((self.directory / made).parent), self.copy_to(outer / "inner/layout"))
                oracle.verify_layout(outer / "inner/layout", "v1")

    def test_in_a_tree(self):
        source = self.scripted()
        source.load(images.single(), "team/app", "v1")
        for made in ("tree", "tree/team", "tree/team/app", "tree/_blobs", "tree/_blobs/sha256"):
            with self.subTest(made=made):
                shutil.rmtree(self.directory / "tree", ignore_errors=True)
                (self.directory / made).mkdir(parents=True)
                synced = self.synced("replicate-tree", "--progress", "none", "--lock", self.directory / "lock", source.host,
                                     f"oci-tree:{self.directory}/tree")
                self.assertIn(str((self.directory / made).parent), synced)

    def test_with_nothing_to_do_nothing_is_synced(self):
        layout = self.directory / "layout"
        self.copy_to(layout)
        self.assertEqual(self.copy_to(layout), set())


class ALockThatIsHeld(Case):
    """Who may read the lock file can lock it, and hang."""

    def setUp(self):
        super().setUp()
        self.layout = self.directory / "layout"
        self.copy(f"oci:{HELLO}:latest", f"oci:{self.layout}:v1")
        self.lock = open(self.layout / ".freightliner.lock", "rb")
        self.addCleanup(self.lock.close)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.writer = self.program.start("copy", "--progress", "none", f"oci:{HELLO}:latest", f"oci:{self.layout}:v2")
        self.addCleanup(lambda: self.writer.alive() and self.writer.send_signal(9))
        process.wait_until(lambda: "waiting for the lock" in self.writer.stderr(), timeout=60, what="a warning")
        self.assertTrue(self.writer.alive())

    def test_the_wait_is_told_and_ends_with_the_lock(self):
        self.assertIn(str(self.layout / ".freightliner.lock"), self.writer.stderr())
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        result = self.writer.wait()
        self.assertEqual(result.exit_code, 0, result)
        self.assertEqual(oracle.verify_layout(self.layout, "v2").digest, oracle.layout_entry(HELLO)["digest"])

    def test_a_signal_ends_the_wait(self):
        self.writer.send_signal(15)
        result = self.writer.wait()
        self.assertEqual(result.exit_code, 143, result)
        self.check_run(result)
        self.assertNotIn("left behind", result.stderr)


class Reading(Case):
    def setUp(self):
        super().setUp()
        self.layout = self.directory / "source"
        self.image = images.multi_arch()
        images.write_layout(self.image, self.layout, "v1")
        self.destination = self.registry()

    def blob(self, digest):
        return self.layout / "blobs" / digest.replace(":", "/")

    def refused(self, codes, **more):
        result = self.refuse_copy(codes, f"oci:{self.layout}:v1", at(self.destination, "a", "v1"), **more)
        self.assert_absent(self.destination, "a", "v1")
        return result

    def test_what_skopeo_writes(self):
        process.run_tool("skopeo", "copy", "-a", f"oci:{HELLO}:latest", f"oci:{self.directory}/skopeo:v1")
        self.copy(f"oci:{self.directory}/skopeo:v1", at(self.destination, "a", "v1"))
        talk = client.RegistryClient(self.destination.url)
        self.assertEqual(oracle.verify_registry(talk, "a", "v1").digest, oracle.layout_entry(HELLO)["digest"])

    def test_what_umoci_writes(self):
        layout = self.directory / "umoci"
        process.run_tool("umoci", "init", "--layout", layout)
        process.run_tool("umoci", "new", "--image", f"{layout}:v1")
        process.run_tool("umoci", "insert", "--rootless", "--image", f"{layout}:v1", HELLO, "/hello")
        self.copy(f"oci:{layout}:v1", at(self.destination, "a", "v1"))
        talk = client.RegistryClient(self.destination.url)
        self.assertEqual(oracle.verify_registry(talk, "a", "v1").digest, oracle.layout_entry(layout, "v1")["digest"])

    def test_the_only_image_needs_no_tag(self):
        self.copy(f"oci:{self.layout}", at(self.destination, "a", "v1"))
        self.assert_whole(self.destination, "a", "v1", self.image)

    def test_several_images_need_one(self):
        images.write_layout(images.single(5), self.layout, "v2")
        self.refuse_copy((2, 5), f"oci:{self.layout}", at(self.destination, "a", "v1"))

    def test_a_changed_bit(self):
        path = self.blob(next(iter(self.image.blobs)))
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        self.refused(INTEGRITY, words=path.name)

    def test_a_changed_manifest(self):
        path = self.blob(self.image.document["manifests"][0]["digest"])
        path.write_bytes(path.read_bytes().replace(b'"layers"', b'"Layers"'))
        self.refused(INTEGRITY, words=path.name)

    def test_a_short_blob(self):
        path = self.blob(next(iter(self.image.blobs)))
        path.write_bytes(path.read_bytes()[:-1])
        self.refused(INTEGRITY, words=path.name)

    def test_missing_things(self):
        for path in (self.blob(next(iter(self.image.blobs))), self.blob(self.image.document["manifests"][0]["digest"])):
            with self.subTest(path=path.name):
                kept = path.read_bytes()
                path.unlink()
                self.refused(NOT_FOUND, words=path.name)
                path.write_bytes(kept)
        self.refuse_copy(NOT_FOUND, f"oci:{self.layout}:none", at(self.destination, "a", "v1"), words="none")
        self.refuse_copy(NOT_FOUND, f"oci:{self.directory}/nowhere:v1", at(self.destination, "a", "v1"), words="nowhere")

    def test_links_out_of_the_layout(self):
        blob = self.blob(next(iter(self.image.blobs)))
        outside = self.directory / "outside"
        shutil.copy(blob, outside)
        for target in (outside, os.path.relpath(outside, blob.parent)):
            with self.subTest(target=str(target)):
                blob.unlink()
                blob.symlink_to(target)
                self.refused((7, 8, 9, 11))

    def test_a_linked_blobs_directory(self):
        shutil.move(self.layout / "blobs", self.directory / "moved")
        (self.layout / "blobs").symlink_to(self.directory / "moved")
        self.refused((7, 8, 9, 11))

    def test_a_linked_index(self):
        shutil.move(self.layout / "index.json", self.directory / "moved.json")
        (self.layout / "index.json").symlink_to(self.directory / "moved.json")
        self.refused((7, 8, 9, 11))

    def test_an_index_that_is_none(self):
        for text in (b"", b"{", b"[]", b'"x"', b"{}{}", b'{"schemaVersion":2,"manifests":{}}', b"\xff\xfe",
                     b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../etc/passwd","size":1}]}'):
            with self.subTest(text=text):
                (self.layout / "index.json").write_bytes(text)
                self.refused((5, 7, 9))

    def test_a_layout_of_another_version(self):
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion":"9.0.0"}')
        self.refused(9, words="9.0.0")

    def test_a_fifo_as_blob_does_not_hang(self):
        blob = self.blob(next(iter(self.image.blobs)))
        blob.unlink()
        os.mkfifo(blob)
        self.refused((5, 7, 8, 9, 11), timeout=20)


if __name__ == "__main__":
    unittest.main()
