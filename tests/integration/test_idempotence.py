"""What a copy costs in requests, counted in the access log of docker-registry and the journal of the scripted registry."""

import pathlib
import unittest

from support import client, images
from support.case import PARTIAL, Case, at


class Unchanged(Case):
    def check(self, image):
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        source.mark()
        destination.mark()
        record = self.copy_json(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual(record["status"], "unchanged")
        for side in (source, destination):
            seen = side.requests()
            self.assertLessEqual(len(seen), 1, seen)
            self.assertEqual({request.method for request in seen} - {"HEAD"}, set())

    def test_single(self):
        self.check(images.single())

    def test_index_whatever_its_children(self):
        self.check(images.multi_arch(platforms=[f"linux/arch{number}" for number in range(12)], layers=1, layer_size=64))

    def test_nested(self):
        self.check(images.nested(5))

    def test_an_unchanged_layout_is_not_written(self):
        source = self.registry()
        self.push(source, images.multi_arch(), "a", "v1")
        layout = self.directory / "layout"
        self.copy(at(source, "a", "v1"), f"oci:{layout}:v1")

        def state():
            return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in layout.rglob("*") if path.is_file()}

        before = state()
        record = self.copy_json(at(source, "a", "v1"), f"oci:{layout}:v1")
        self.assertEqual(record["status"], "unchanged")
        self.assertEqual(state(), before)


class Changed(Case):
    def test_only_what_is_new_moves(self):
        first = images.single(1, layers=4)
        second = images.single(2, layers=1)
        document = second.document
        document["layers"] = first.document["layers"] + document["layers"]
        blobs = {**first.blobs, **second.blobs}
        second.manifests.clear()
        second.add_manifest(images.OCI_MANIFEST, document)
        second.blobs = blobs
        source, destination = self.registry(), self.registry()
        self.push(source, first, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.push(source, second, "a", "v1")
        source.mark()
        destination.mark()
        record = self.copy_json(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual(record["blobs"]["copied"], 2)  # one layer, one config
        self.assertEqual(len(source.requests(method="GET", path="/blobs/")), 2)
        self.assertEqual(len(destination.requests(method="PUT", path="/blobs/uploads/")), 2)
        self.assert_whole(destination, "a", "v1", second)

    def test_a_digest_known_under_another_tag_costs_one_put(self):
        image = images.multi_arch()
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1", "v2")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        destination.mark()
        self.copy(at(source, "a", "v2"), at(destination, "a", "v2"))
        self.assert_whole(destination, "a", "v2", image)
        destination_writes = [request for request in destination.requests() if request.writes]
        self.assertEqual([(request.method, request.path) for request in destination_writes], [("PUT", "/v2/a/manifests/v2")])

    def test_a_blob_named_twice_moves_once(self):
        image = images.with_duplicate_layers(times=6)
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        source.mark()
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--jobs", "8")
        self.assertEqual(len(source.requests(method="GET", path="/blobs/")), len(image.blobs))


class NewBlobs(Case):
    LAYERS = 12

    def copy_and_count(self, destination, prepare=None):
        """Destination requests about blobs, of one copy of LAYERS + 1 new blobs."""
        image = images.single(layers=self.LAYERS, layer_size=2000)
        source = self.registry()
        self.push(source, image, "a", "v1")
        if prepare:
            prepare(image)
        before = len(destination.journal)
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--jobs", "1")
        seen = destination.requests(path="/blobs/", since=before)
        self.assert_whole(destination, "a", "v1", image)
        self.assert_no_open_uploads(destination)
        return seen

    def test_at_most_three_where_mount_tells_nothing(self):
        seen = self.copy_and_count(self.scripted(mount="never"))
        self.assertLessEqual(len(seen), 3 * (self.LAYERS + 1), [f"{r.method} {r.target}" for r in seen])

    def test_two_where_a_self_mount_tells(self):
        """One blob is there already: the 201 to its self-mount proves the host, and from then on two requests do."""
        destination = self.scripted(mount="real")

        def prepare(image):
            first = image.document["layers"][0]["digest"]
            destination.repository("a").blobs[first] = image.blobs[first]

        seen = self.copy_and_count(destination, prepare)
        self.assertLessEqual(len(seen), 2 * self.LAYERS + 3, [f"{r.method} {r.target}" for r in seen])

    def test_docker_registry_at_most_three(self):
        image = images.single(layers=self.LAYERS, layer_size=2000)
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        destination.mark()
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertLessEqual(len(destination.requests(path="/blobs/")), 3 * (self.LAYERS + 1))
        self.assertEqual(destination.requests(path="^/v2/$"), [], "no ping is needed")

    def test_a_rerun_uploads_nothing_again_where_mount_always_says_202(self):
        """go-containerregistry's registry: 202 does not prove absence. Here the tag is gone, the blobs are not."""
        destination = self.scripted(mount="never")
        image = images.single(layers=5)
        source = self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        destination.repository("a").tags.clear()
        destination.repository("a").manifests.clear()
        before = len(destination.journal)
        record = self.copy_json(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual(record["blobs"]["copied"], 0)
        self.assertEqual(destination.requests("PUT|PATCH", "/blobs/", since=before), [])
        self.assert_no_open_uploads(destination)

    def test_a_second_repository_of_one_host(self):
        """The blobs of another repository there are not known: nothing is assumed, everything arrives."""
        for mount in ("never", "real", "refuse"):
            with self.subTest(mount=mount):
                destination = self.scripted(mount=mount)
                source = self.registry()
                image = images.single()
                self.push(source, image, "a", "v1")
                for repository in ("one", "two"):
                    self.copy(at(source, "a", "v1"), at(destination, repository, "v1"))
                    self.assert_whole(destination, repository, "v1", image)
                self.assert_no_open_uploads(destination)


class Overwrite(Case):
    def setUp(self):
        super().setUp()
        self.old, self.new = images.single(1), images.single(2)
        self.source, self.destination = self.registry(), self.registry()
        self.push(self.source, self.new, "a", "v1")
        self.push(self.destination, self.old, "a", "v1")

    def run_with(self, policy):
        return self.copy_json(at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--overwrite", policy)

    def test_changed_is_the_default(self):
        self.copy(at(self.source, "a", "v1"), at(self.destination, "a", "v1"))
        self.assert_whole(self.destination, "a", "v1", self.new)

    def test_changed_and_always(self):
        self.assertEqual(self.run_with("changed")["status"], "copied")
        self.destination.mark()
        self.run_with("always")
        self.assertEqual(len(self.destination.requests(method="PUT", path="/manifests/v1")), 1)

    def test_never_keeps_what_is_there(self):
        self.destination.mark()
        result = self.program.run("copy", "--progress", "none", "--overwrite", "never", at(self.source, "a", "v1"),
                                  at(self.destination, "a", "v1"))
        self.assertEqual(result.exit_code, PARTIAL, result)
        self.assertEqual([request for request in self.destination.requests() if request.writes], [])
        self.assert_whole(self.destination, "a", "v1", self.old)

    def test_never_with_the_same_digest_or_nothing_there(self):
        self.run_with("changed")
        self.assertEqual(self.run_with("never")["status"], "unchanged")
        self.copy(at(self.source, "a", "v1"), at(self.destination, "a", "fresh"), "--overwrite", "never")
        self.assert_whole(self.destination, "a", "fresh", self.new)

    def test_an_unknown_policy(self):
        self.refuse_copy(2, at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--overwrite", "sometimes",
                         words=("sometimes", "never"))


class DryRun(Case):
    def test_a_plan_and_no_write(self):
        image = images.multi_arch()
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        destination.mark()
        result = self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--dry-run")
        self.assertIn(image.digest, result.stdout)
        self.assertEqual([request for request in destination.requests() if request.writes], [])
        self.assertEqual(source.requests(method="GET", path="/blobs/"), [])
        self.assertEqual(client.RegistryClient(destination.url).tags("a"), [])

    def test_no_directory_is_made(self):
        source = self.registry()
        self.push(source, images.single(), "a", "v1")
        for target in ("oci:{}/new/layout:v1", "oci-archive:{}/new.tar:v1"):
            self.copy(at(source, "a", "v1"), target.format(self.directory), "--dry-run")
        self.assertFalse((self.directory / "new").exists())
        self.assertFalse(pathlib.Path(f"{self.directory}/new.tar").exists())

    def test_what_is_there_counts_as_there(self):
        image = images.single()
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "other"))
        destination.mark()
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--dry-run")
        self.assertEqual([request for request in destination.requests() if request.writes], [])


if __name__ == "__main__":
    unittest.main()
