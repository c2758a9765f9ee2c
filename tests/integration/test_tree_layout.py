"""Trees as directories: registry → oci-tree → registry, as an incremental bundle."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import unittest

from support import faults, images, oracle, process
from support.case import NOT_FOUND, PARTIAL, USAGE
from support.tree import TreeCase, by_reference, fill, fleet, small, snapshot, tags_of


def tags_in_tree(directory):
    directory = pathlib.Path(directory)
    found = {}
    for index in directory.rglob("index.json"):
        for entry in json.loads(index.read_bytes())["manifests"]:
            tag = (entry.get("annotations") or {}).get(images.REF_NAME)
            found[str(index.parent.relative_to(directory)), tag] = entry["digest"]
    return found


class LayoutCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.root = self.directory / "bundle"
        self.tree = f"oci-tree:{self.root}"
        self.contents = fleet(4, 3)
        self.contents["team", "v1"] = small("team")
        self.contents["team/app", "v1"] = images.multi_arch()
        self.contents["team/app", "v2"] = images.single(docker=True)
        self.contents["team/app/deep", "v1"] = images.nested(3)
        self.contents["odd", "v1"] = images.with_odd_bytes()

    def assert_bundle(self, contents, root=None):
        root = root or self.root
        self.assertEqual(tags_in_tree(root), {key: image.digest for key, image in contents.items()})
        for (repository, tag), image in contents.items():
            closure = oracle.verify_tree(root, repository, tag)
            self.assertEqual(closure.manifests[closure.digest], image.bytes)
        self.assert_no_rubbish(root)

    def assert_no_rubbish(self, root=None):
        root = root or self.root
        for path in root.rglob("*"):
            if not path.is_file():
                continue
            name = str(path.relative_to(root))
            if name.startswith("_blobs/"):
                algorithm, value = path.parent.name, path.name
                self.assertEqual(hashlib.new(algorithm, path.read_bytes()).hexdigest(), value)
            else:
                self.assertIn(path.name, ("index.json", "oci-layout", ".freightliner.lock"), name)


class RoundTrip(LayoutCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        fill(self.source, self.contents)

    def test_out_and_in_again(self):
        report = self.replicate(self.source, self.tree)
        self.assertEqual(report["totals"]["copied"], len(self.contents))
        self.assert_bundle(self.contents)
        carried = self.directory / "carried"
        shutil.copytree(self.root, carried)
        self.replicate(f"oci-tree:{carried}", self.destination)
        self.assert_tree(self.destination, self.contents)
        self.assertEqual(snapshot(carried).keys(), snapshot(self.root).keys(), "reading makes no files")

    def test_a_second_run_writes_nothing(self):
        self.replicate(self.source, self.tree)
        before = snapshot(self.root)
        self.source.mark()
        report = self.replicate(self.source, self.tree)
        self.assertEqual(report["totals"]["equal"], len(self.contents))
        self.assertEqual(snapshot(self.root), before)
        self.assert_cheap(self.source, heads=len(self.contents))

        self.replicate(self.tree, self.destination)
        self.destination.mark()
        report = self.replicate(self.tree, self.destination)
        self.assertEqual(report["totals"]["equal"], len(self.contents))
        self.assert_cheap(self.destination, heads=len(self.contents))

    def test_the_bundle_grows_by_what_is_new(self):
        self.replicate(self.source, self.tree)
        before = snapshot(self.root)
        new = {("repo001", "v9"): small("new"), ("fresh/one", "v1"): small("fresh"), ("team", "v1"): small("moved")}
        fill(self.source, new)
        self.contents.update(new)
        report = self.replicate(self.source, self.tree)
        self.assertEqual({name for name, entry in by_reference(report).items() if entry["outcome"] == "copied"},
                         {"repo001:v9", "fresh/one:v1", "team:v1"})
        self.assert_bundle(self.contents)
        after = snapshot(self.root)
        changed = {name for name, state in before.items() if after[name] != state and not name.endswith(".lock")}
        self.assertEqual(changed, {"repo001/index.json", "team/index.json"})
        self.destination.mark()
        self.replicate(self.tree, self.destination)
        self.assert_tree(self.destination, self.contents)

    def test_a_bundle_of_a_shared_layer_has_it_once(self):
        base = images.single("base", layers=1, layer_size=500_000)
        layer = base.document["layers"][0]["digest"]
        shared = {}
        for number in range(10):
            shared[f"shared{number}", "v1"] = images.index_of([base], annotations={"n": str(number)})
        fill(self.source, shared)
        self.source.mark()
        self.replicate(self.source, self.tree, "--include-repo", "shared*")
        self.assert_bundle(shared)
        self.assertEqual(len(self.source.requests(method="GET", path=layer)), 1)
        copies = [path for path in self.root.rglob("*") if path.is_file() and path.stat().st_size > 400_000]
        self.assertEqual([path.name for path in copies], [layer.partition(":")[2]])

    def test_skopeo_reads_a_layout_of_the_tree(self):
        self.replicate(self.source, self.tree)
        target = f"docker://{self.destination.host}/by-skopeo:v1"
        process.run_tool("skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", "--src-shared-blob-dir",
                         self.root / "_blobs", f"oci:{self.root}/team/app:v1", target)
        self.assert_whole(self.destination, "by-skopeo", "v1", self.contents["team/app", "v1"])

    def test_prefixes_filters_and_maps(self):
        self.replicate(f"{self.source.host}/team", self.tree, "--map", "app/deep=renamed")
        expected = {("team", "v1"): self.contents["team", "v1"], ("app", "v1"): self.contents["team/app", "v1"],
                    ("app", "v2"): self.contents["team/app", "v2"], ("renamed", "v1"): self.contents["team/app/deep", "v1"]}
        self.assert_bundle(expected)
        self.replicate(self.tree, f"{self.destination.host}/mirror/x", "--exclude-repo", "renamed", "--include-tag", "v1")
        self.assertEqual(tags_of(self.destination), {
            ("mirror/x/team", "v1"): expected["team", "v1"].digest, ("mirror/x/app", "v1"): expected["app", "v1"].digest,
        })
        self.assert_every_tag_is_whole(self.destination)

    def test_tree_to_tree(self):
        self.replicate(self.source, self.tree)
        other = self.directory / "other"
        self.replicate(self.tree, f"oci-tree:{other}", "--include-repo", "{team,team/**}")
        self.assert_bundle({key: image for key, image in self.contents.items() if key[0].startswith("team")}, other)

    def test_check(self):
        self.replicate(self.source, self.tree)
        for source, destination in ((self.source, self.tree), (self.tree, self.source)):
            result = self.succeed(*self.arguments(source, destination, "--deep", command="check"))
            self.assertIn(f"{len(self.contents)} equal", result.stdout)

    def test_delete_extra(self):
        self.replicate(self.source, self.tree)
        shutil.rmtree(self.source.storage / "docker/registry/v2/repositories/team/app/_manifests/tags/v2")
        report = self.replicate(self.source, self.tree, "--delete-extra")
        self.assertEqual(report["totals"]["deleted"], 1)
        del self.contents["team/app", "v2"]
        self.assert_bundle(self.contents)

    def test_dry_run(self):
        self.replicate(self.source, self.tree, "--dry-run")
        self.assertFalse(self.root.exists())


class Interrupted(LayoutCase):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        self.contents = fleet(5, 12)
        fill(self.source, self.contents)

    def interrupt(self, number):
        self.source.rule("GET", "/blobs/", faults.Delay(0.02))
        run = self.start_tree(self.source, self.tree)
        process.wait_until(lambda: len(tags_in_tree(self.root)) >= 10 if self.root.exists() else False, 30)
        run.send_signal(number)
        result = run.wait(20)
        self.source.rules.clear()
        for repository, tag in tags_in_tree(self.root):
            oracle.verify_tree(self.root, repository, tag)
        return result

    def rerun(self):
        there = {path.name for path in (self.root / "_blobs").rglob("*") if path.is_file()}
        since = len(self.source.journal)
        self.replicate(self.source, self.tree)
        again = {request.path.rpartition(":")[2] for request in self.source.requests("GET", "/blobs/", since=since)}
        self.assertEqual(again & there, set(), "what is in the bundle does not leave the source again")

    def test_killed(self):
        self.assertEqual(self.interrupt(signal.SIGKILL).exit_code, 137)
        self.rerun()
        self.assertEqual(tags_in_tree(self.root), {key: image.digest for key, image in self.contents.items()})
        for key in self.contents:
            oracle.verify_tree(self.root, *key)

    def test_stopped(self):
        self.assertEqual(self.interrupt(signal.SIGTERM).exit_code, 143)
        self.assert_no_rubbish()
        self.rerun()
        self.assert_bundle(self.contents)

    def test_two_runs_into_one_tree(self):
        self.source.rule("GET", "/blobs/", faults.Delay(0.01))
        runs = [self.start_tree(self.source, self.tree, "--lock", self.directory / f"lock{number}") for number in range(2)]
        for run in runs:
            result = run.wait(60)
            self.assertEqual(result.exit_code, 0, result)
        self.assert_bundle(self.contents)


class Damage(LayoutCase):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        fill(self.source, self.contents)
        self.replicate(self.source, self.tree)
        self.destination = self.scripted()

    def blob(self, digest):
        return self.root / "_blobs" / digest.replace(":", "/")

    def test_a_flipped_bit_never_reaches_the_registry(self):
        layer = self.blob(self.contents["repo001", "v1"].document["layers"][0]["digest"])
        data = bytearray(layer.read_bytes())
        data[100] ^= 1
        layer.write_bytes(data)
        report = self.replicate(self.tree, self.destination, code=PARTIAL)
        failed = {name: entry["error_class"] for name, entry in by_reference(report).items() if entry["outcome"] == "failed"}
        self.assertEqual(failed, {"repo001:v1": "integrity"})
        self.assert_every_tag_is_whole(self.destination)
        self.assertEqual(len(tags_of(self.destination)), len(self.contents) - 1)

    def test_a_layer_that_is_missing(self):
        self.blob(self.contents["repo001", "v1"].document["layers"][0]["digest"]).unlink()
        report = self.replicate(self.tree, self.destination, code=PARTIAL)
        self.assertEqual(by_reference(report)["repo001:v1"]["error_class"], "not_found")
        self.assertEqual(len(tags_of(self.destination)), len(self.contents) - 1)

    def test_a_manifest_that_is_missing_is_copied_again(self):
        self.blob(self.contents["repo001", "v1"].digest).unlink()
        report = self.replicate(self.source, self.tree)
        self.assertEqual(by_reference(report)["repo001:v1"]["outcome"], "copied")
        self.assert_bundle(self.contents)

    def test_an_index_that_is_no_json_stops_its_repository_alone(self):
        (self.root / "repo001" / "index.json").write_text("{")
        report = self.replicate(self.tree, self.destination, code=PARTIAL)
        failed = {entry["source_repository"] for entry in report["references"] if entry["outcome"] == "failed"}
        self.assertEqual(failed, {"repo001"})
        self.assertEqual(len(tags_of(self.destination)), len(self.contents) - 3)

    def test_links_are_not_followed(self):
        outside = self.directory / "outside"
        outside.mkdir()
        shutil.rmtree(self.root / "repo001")
        (self.root / "repo001").symlink_to(outside)
        self.program.run(*self.arguments(self.source, self.tree))
        self.assertEqual(list(outside.iterdir()), [])

    def test_what_is_no_tree(self):
        images.write_layout(small(1), self.directory / "layout")
        for place in (f"oci-tree:{self.directory}/layout", "oci-tree:", "oci-tree:a:b"):
            with self.subTest(place=place):
                result = self.program.run(*self.arguments(place, self.destination))
                self.assertIn(result.exit_code, (USAGE, 7), result)
        result = self.program.run(*self.arguments(f"oci-tree:{self.directory}/none", self.destination))
        self.assertEqual(result.exit_code, NOT_FOUND, result)
        self.assertEqual(tags_of(self.destination), {})

    def test_a_directory_that_can_not_be_written(self):
        place = self.directory / "file"
        place.write_text("in the way")
        result = self.program.run(*self.arguments(self.source, f"oci-tree:{place}"))
        self.assertNotEqual(result.exit_code, 0, result)
        self.assertTrue(os.path.isfile(place))


if __name__ == "__main__":
    unittest.main()
