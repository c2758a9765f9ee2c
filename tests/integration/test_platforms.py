"""--platform: one manifest, or a new index with just those asked for."""

import json
import unittest

from support import client, images, oracle
from support.case import NOT_FOUND, USAGE, Case, at


class Platforms(Case):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        self.image = images.multi_arch()
        self.push(self.source, self.image, "a", "v1")
        self.children = {
            "/".join(filter(None, (p["os"], p["architecture"], p.get("variant")))): entry["digest"]
            for entry in self.image.document["manifests"]
            for p in [entry["platform"]]
        }

    def copied(self, *platforms, repository="a", image_at=None):
        options = [word for platform in platforms for word in ("--platform", platform)]
        record = self.copy_json(image_at or at(self.source, "a", "v1"), at(self.destination, repository, "v1"), *options)
        closure = oracle.verify_registry(client.RegistryClient(self.destination.url), repository, "v1")
        self.assertEqual(closure.digest, record["digest"])
        return closure

    def test_one_is_that_manifest(self):
        for platform, digest in self.children.items():
            with self.subTest(platform=platform):
                closure = self.copied(platform, repository=platform.replace("/", "-"))
                self.assertEqual(closure.digest, digest)
                self.assertEqual(len(closure.manifests), 1)

    def test_a_variant_may_be_left_out_where_it_is_clear(self):
        self.assertEqual(self.copied("linux/arm").digest, self.children["linux/arm/v7"])

    def test_several_are_a_new_index(self):
        closure = self.copied("linux/arm64", "linux/amd64")
        index = json.loads(closure.manifests[closure.digest])
        self.assertEqual(index["mediaType"], images.OCI_INDEX)
        wanted = {self.children["linux/amd64"], self.children["linux/arm64"]}
        self.assertEqual({entry["digest"] for entry in index["manifests"]}, wanted)
        originals = {entry["digest"]: entry for entry in self.image.document["manifests"]}
        for entry in index["manifests"]:
            self.assertEqual(entry, originals[entry["digest"]])
        self.assertEqual(set(closure.manifests), wanted | {closure.digest})

    def test_the_new_index_is_the_same_each_time(self):
        first = self.copied("linux/arm64", "linux/amd64", repository="one")
        second = self.copied("linux/amd64", "linux/arm64", repository="two")
        self.assertEqual(first.digest, second.digest)

    def test_a_docker_list_stays_one(self):
        image = images.multi_arch(docker=True)
        self.push(self.source, image, "d", "v1")
        closure = self.copied("linux/amd64", "linux/arm64", repository="d", image_at=at(self.source, "d", "v1"))
        self.assertEqual(json.loads(closure.manifests[closure.digest])["mediaType"], images.DOCKER_LIST)

    def test_a_second_run_is_unchanged(self):
        options = ("--platform", "linux/amd64", "--platform", "linux/arm64")
        pair = (at(self.source, "a", "v1"), at(self.destination, "a", "v1"))
        self.copy(*pair, *options)
        self.destination.mark()
        self.assertEqual(self.copy_json(*pair, *options)["status"], "unchanged")
        self.assertEqual([request for request in self.destination.requests() if request.writes], [])

    def test_what_is_missing_leaves_no_tag(self):
        for platforms in (("linux/s390x",), ("linux/amd64", "linux/s390x"), ("windows/amd64",), ("linux/arm/v6",)):
            with self.subTest(platforms=platforms):
                options = [word for platform in platforms for word in ("--platform", platform)]
                self.refuse_copy(NOT_FOUND, at(self.source, "a", "v1"), at(self.destination, "none", "v1"), *options,
                                 words=(platforms[-1], "linux/amd64"))
        self.assert_absent(self.destination, "none", "v1")

    def test_only_their_blobs_move(self):
        self.source.mark()
        closure = self.copied("linux/amd64")
        moved = {request.path.rsplit("/", 1)[1] for request in self.source.requests(method="GET", path="/blobs/")}
        self.assertEqual(moved, set(closure.blobs))

    def test_bad_platforms(self):
        for text in ("linux", "linux/", "/amd64", "linux/amd64/v1/x", "LINUX AMD64", "a/b\x1b"):
            with self.subTest(text=text):
                self.refuse_copy(USAGE, at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--platform", text)

    def test_from_a_layout_and_into_one(self):
        images.write_layout(self.image, self.directory / "layout", "v1")
        self.copy(f"oci:{self.directory}/layout:v1", f"oci:{self.directory}/one:v1", "--platform", "linux/arm64")
        closure = oracle.verify_layout(self.directory / "one", "v1")
        self.assertEqual(closure.digest, self.children["linux/arm64"])


if __name__ == "__main__":
    unittest.main()
