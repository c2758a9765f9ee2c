"""The whole way of an image: registry → registry → layout → archive → registry. The digest stays what it was, as readers say that are
not the program; a second run over the whole way writes nothing."""

import hashlib
import unittest

from validation import Case  # before support, which it finds

from support import client, images, oracle, process
from support.case import at
from support.tree import TreeCase, fill, small, snapshot, tree

IMAGES = {
    "ordinary": lambda: images.single("ordinary", layers=3, layer_size=200_000),
    "docker": lambda: images.single("docker", docker=True),
    "zstd": lambda: images.single("zstd", compress="zstd"),
    "platforms": lambda: images.multi_arch("platforms"),
    "docker-platforms": lambda: images.multi_arch("docker-platforms", docker=True),
    "index-in-an-index": lambda: images.nested(2),
    "artifact": lambda: images.artifact(),
    "odd-bytes": lambda: images.with_odd_bytes(),
    "one-layer-four-times": lambda: images.with_duplicate_layers(),
    "root-file-system": lambda: images.root_file_system(),
}


def skopeo_digest(reference):
    """Of the manifest's bytes as skopeo hands them on."""
    insecure = ("--tls-verify=false",) if reference.startswith("docker:") else ()
    return "sha256:" + hashlib.sha256(process.run_tool("skopeo", "inspect", "--raw", *insecure, reference).stdout).hexdigest()


class Chain(Case):
    def setUp(self):
        super().setUp()
        self.first, self.second, self.last = (self.registry() for _ in range(3))
        self.files = self.directory / "files"
        self.files.mkdir()

    def way(self, name):
        return (at(self.first, name, "v1"), at(self.second, f"mirror/{name}", "v1"), f"oci:{self.files}/{name}:v1",
                f"oci-archive:{self.files}/{name}.tar:v1", at(self.last, f"team/{name}", "v1"))

    def walk(self, name, options=()):
        """The digests and the states that the copies report."""
        way = self.way(name)
        return [self.copy_json(source, destination, *options) for source, destination in zip(way, way[1:])]

    def closures(self, name):
        """Everything below the tag, by the oracle, at each stop."""
        yield oracle.verify_registry(client.RegistryClient(self.second.url), f"mirror/{name}", "v1")
        yield oracle.verify_layout(self.files / name, "v1")
        yield oracle.verify_archive(self.files / f"{name}.tar", "v1")
        yield oracle.verify_registry(client.RegistryClient(self.last.url), f"team/{name}", "v1")

    def test_every_kind_of_image(self):
        for name, make in IMAGES.items():
            with self.subTest(image=name):
                image = make()
                self.push(self.first, image, name, "v1")
                self.assertEqual({record["digest"] for record in self.walk(name)}, {image.digest})
                for closure in self.closures(name):
                    self.assertEqual(closure.digest, image.digest)
                    self.assertEqual(closure.digests, set(image.blobs) | set(image.manifests))
                # In layouts and archives skopeo sees OCI's media types only.
                stops = [stop for stop in self.way(name)[1:] if stop.startswith("docker:") or ".oci." in image.root["mediaType"]]
                self.assertEqual({skopeo_digest(stop) for stop in stops}, {image.digest})
        before = snapshot(self.files)
        for registry in (self.first, self.second, self.last):
            registry.mark()
        for name in IMAGES:
            with self.subTest(again=name):
                self.assertEqual({record["status"] for record in self.walk(name)}, {"unchanged"})
        self.assertEqual(snapshot(self.files), before)
        for registry in (self.first, self.second, self.last):
            self.assertEqual(registry.requests(writes=True), [])
            self.assertEqual(registry.requests(method="GET", path="/blobs/"), [])


class Trees(TreeCase):
    def test_out_of_one_registry_and_into_another(self):
        """By way of a directory, as over an air gap; the second time nothing is written."""
        contents = {(f"team/app{number}", f"v{tag}"): small(f"{number}-{tag}") for number in range(4) for tag in range(5)}
        contents["team/platforms", "latest"] = images.multi_arch()
        source, destination = self.registry(), self.registry()
        fill(source, contents)
        bundle = self.directory / "bundle"
        way = (tree(source), f"oci-tree:{bundle}", tree(destination))
        for here, there in zip(way, way[1:]):
            self.assertEqual(self.replicate(here, there)["totals"]["copied"], len(contents))
        self.assert_tree(destination, contents)
        for (repository, tag), image in list(contents.items())[::5]:
            self.assertEqual(skopeo_digest(at(destination, repository, tag)), image.digest)
        before = snapshot(bundle)
        for registry in (source, destination):
            registry.mark()
        for here, there in zip(way, way[1:]):
            self.assertEqual(self.replicate(here, there)["totals"]["equal"], len(contents))
        self.assertEqual(snapshot(bundle), before)
        for registry in (source, destination):
            self.assert_cheap(registry, len(contents))


if __name__ == "__main__":
    unittest.main()
