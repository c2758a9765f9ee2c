"""--recompress: layers in another compression, everything else as it was, and nothing to do the second time."""

import gzip
import json
import unittest

from support import client, faults, images, oracle, process
from support.case import INTEGRITY, OK, PARTIAL, PROTOCOL, USAGE, at
from support.recompress import LAYER, SETTINGS, RecompressCase, unpack
from support.tree import TreeCase, by_reference, fill, outcomes


def with_layers(image, pack, media_type):
    """The same image with each layer packed anew; diff_ids stay."""
    document = image.document
    for layer in document["layers"]:
        data = image.blobs.pop(layer["digest"], None)
        if data is not None:
            new = image.add_blob(media_type, pack(gzip.decompress(data)))
            layer.clear()
            layer.update(new)
    image.manifests.clear()
    image.add_manifest(document["mediaType"], document)
    return image


def plain(seed=1, **options):
    return with_layers(images.single(seed, **options), lambda data: data, LAYER)


class Images(RecompressCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()

    def recompress(self, image, setting="zstd", *options, tag="v1"):
        self.push(self.source, image, "a", tag)
        return self.copy_json(at(self.source, "a", tag), at(self.destination, "a", tag), "--recompress", setting, *options)

    def test_gzip_to_zstd_and_again(self):
        image = images.single(layers=3, layer_size=300_000)
        record = self.recompress(image)
        self.assert_recompressed(self.destination, "a", "v1", image)
        stored = client.RegistryClient(self.destination.url).manifest("a", "v1")[1]
        self.assertEqual(record["digest"], images.digest_of(stored))
        self.assertEqual((record["status"], record["blobs"]["recompressed"], record["blobs"]["copied"]), ("copied", 3, 4))
        for registry in (self.source, self.destination):
            registry.mark()
        again = self.copy_json(at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--recompress", "zstd:3")
        self.assertEqual((again["status"], again["digest"]), ("unchanged", record["digest"]))
        self.assertEqual(self.writes(self.destination), [])
        self.assertEqual([r.method for r in self.destination.requests(path="/manifests/")], ["GET"])
        self.assertEqual([r.method for r in self.source.requests(path="/manifests/")], ["HEAD"])

    def test_other_settings_are_another_image(self):
        image = images.single()
        first = self.recompress(image)
        other = self.recompress(image, "zstd:9")
        self.assertEqual(other["status"], "copied")
        self.assertNotEqual(other["digest"], first["digest"])
        self.assert_recompressed(self.destination, "a", "v1", image, settings="zstd:9")

    def test_the_same_bytes_every_time(self):
        image = images.root_file_system()
        digests = set()
        for number, setting in enumerate(("zstd:5", "zstd:5", "zstd:5")):
            destination = self.registry()
            self.push(self.source, image, "a", "v1")
            options = ("--jobs", str(number + 1), "--buffer-size", f"{64 << number}KiB")
            record = self.copy_json(at(self.source, "a", "v1"), at(destination, "a", "v1"), "--recompress", setting, *options)
            digests.add(record["digest"])
        self.assertEqual(len(digests), 1)

    def test_every_way(self):
        kinds = {
            "gzip": lambda seed: images.single(seed),
            "zstd": lambda seed: images.single(seed, compress="zstd"),
            "none": plain,
        }
        for origin, make in kinds.items():
            for wanted, settings in (("zstd", "zstd:3"), ("gzip", "gzip:6")):
                with self.subTest(origin=origin, wanted=wanted):
                    image = make(f"{origin}-{wanted}")
                    tag = f"{origin}-{wanted}"
                    record = self.recompress(image, wanted, tag=tag)
                    if origin == wanted:
                        self.assert_whole(self.destination, "a", tag, image)
                        self.assertEqual(record["blobs"]["recompressed"], 0)
                    else:
                        self.assert_recompressed(self.destination, "a", tag, image, wanted, settings)
                    self.destination.mark()
                    again = self.recompress(image, wanted, tag=tag)
                    self.assertEqual((again["status"], again["digest"]), ("unchanged", record["digest"]))
                    self.assertEqual(self.writes(self.destination), [])

    def test_docker_becomes_oci(self):
        image = images.single(docker=True)
        self.recompress(image)
        self.assert_recompressed(self.destination, "a", "v1", image)
        index = images.multi_arch(docker=True)
        self.recompress(index, tag="multi")
        self.assert_recompressed(self.destination, "a", "multi", index)
        seen = json.loads(process.run_tool("skopeo", "inspect", "--raw", "--tls-verify=false",
                                           at(self.destination, "a", "multi")).stdout)
        self.assertEqual(seen["mediaType"], images.OCI_INDEX)

    def test_multi_arch(self):
        index = images.multi_arch(layer_size=50_000)
        record = self.recompress(index)
        self.assert_recompressed(self.destination, "a", "v1", index)
        self.assertEqual(record["blobs"]["recompressed"], 6)
        self.destination.mark()
        again = self.recompress(index)
        self.assertEqual((again["status"], again["digest"]), ("unchanged", record["digest"]))
        self.assertEqual(self.writes(self.destination), [])
        one = self.copy_json(at(self.source, "a", "v1"), at(self.destination, "a", "arm"), "--recompress", "zstd",
                             "--platform", "linux/arm64")
        # The child that the index above has already, with its own origin in its annotations.
        self.assertIn(one["digest"], [child["digest"] for child in json.loads(self.fetchers(self.destination, "a")[0]("v1")[1])["manifests"]])
        self.destination.mark()
        self.assertEqual(self.copy_json(at(self.source, "a", "v1"), at(self.destination, "a", "arm"), "--recompress", "zstd",
                                        "--platform", "linux/arm64")["status"], "unchanged")
        self.assertEqual(self.writes(self.destination), [])

    def test_skopeo_and_umoci_read_it(self):
        image = images.root_file_system()
        self.recompress(image, "zstd:7")
        directory = self.directory / "dir"
        process.run_tool("skopeo", "copy", "--src-tls-verify=false", at(self.destination, "a", "v1"), f"dir:{directory}")
        manifest = json.loads((directory / "manifest.json").read_bytes())
        diff_ids = json.loads((directory / manifest["config"]["digest"][7:]).read_bytes())["rootfs"]["diff_ids"]
        unpacked = [unpack(layer, (directory / layer["digest"][7:]).read_bytes()) for layer in manifest["layers"]]
        self.assertEqual([images.digest_of(data) for data in unpacked], diff_ids)
        # umoci of Debian 12 knows no zstd: it gets the way back.
        self.copy(at(self.destination, "a", "v1"), f"oci:{self.directory}/back:v1", "--recompress", "gzip")
        process.run_tool("umoci", "unpack", "--rootless", "--image", f"{self.directory}/back:v1", self.directory / "bundle")
        self.assertEqual((self.directory / "bundle/rootfs/etc/motd").read_text(), "Freight.\n")

    def test_what_is_no_layer_stays(self):
        for number, image in enumerate((images.artifact(), images.with_empty_blob(), images.unknown_type())):
            if number == 2:
                continue  # docker-registry takes no unknown types
            record = self.recompress(image, tag=f"t{number}")
            self.assertEqual(record["digest"], image.digest)
            self.assert_whole(self.destination, "a", f"t{number}", image)

    def test_foreign_layers_stay_references(self):
        source, destination = self.scripted(), self.scripted()
        image = images.with_foreign_layer()
        document = image.document
        config = json.loads(image.blobs[document["config"]["digest"]])
        config["rootfs"]["diff_ids"].insert(0, images.digest_of(b"elsewhere"))
        document["config"] = image.add_blob(images.DOCKER_CONFIG, images.to_json(config))
        image.manifests.clear()
        image.add_manifest(images.DOCKER_MANIFEST, document)
        source.load(image, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--recompress", "zstd")
        document = json.loads(destination.manifest("a", "v1")[1])
        foreign, layer = document["layers"]
        self.assertEqual(foreign["digest"], image.document["layers"][0]["digest"])
        self.assertEqual(foreign["urls"], image.document["layers"][0]["urls"])
        self.assertEqual(foreign["mediaType"], "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
        self.assertEqual(layer["mediaType"], images.OCI_LAYER_ZSTD)

    def test_duplicate_and_empty_layers(self):
        image = images.with_duplicate_layers()
        config = json.loads(image.blobs[image.document["config"]["digest"]])
        config["rootfs"]["diff_ids"] *= 4
        document = image.document
        document["config"] = image.add_blob(images.OCI_CONFIG, images.to_json(config))
        image.manifests.clear()
        image.add_manifest(images.OCI_MANIFEST, document)
        record = self.recompress(image)
        self.assert_recompressed(self.destination, "a", "v1", image)
        self.assertEqual(record["blobs"]["recompressed"], 1)
        empty = images.single(7, layers=1)
        document = empty.document
        document["layers"] = [empty.add_blob(images.OCI_LAYER, images.gzip(b""))]
        document["config"] = empty.add_blob(images.OCI_CONFIG, images.to_json(
            {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [images.digest_of(b"")]}}))
        empty.manifests.clear()
        empty.add_manifest(images.OCI_MANIFEST, document)
        self.recompress(empty, tag="empty")
        self.assert_recompressed(self.destination, "a", "empty", empty)

    def test_dry_run_writes_nothing(self):
        image = images.single()
        self.push(self.source, image, "a", "v1")
        self.destination.mark()
        record = self.copy_json(at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--recompress", "zstd", "-n")
        self.assertEqual(self.writes(self.destination), [])
        actions = [item["action"] for item in record["plan"] if item["kind"] == "blob"]
        self.assertEqual(sorted(actions), ["copy", "recompress", "recompress", "recompress"])
        self.recompress(image)
        again = self.recompress(image, "zstd", "-n")
        self.assertEqual(again["status"], "unchanged")

    def test_overwrite_never(self):
        image = images.single()
        options = ("--recompress", "zstd", "--overwrite", "never")
        places = (at(self.source, "a", "v1"), at(self.destination, "a", "v1"))
        self.push(self.source, image, "a", "v1")
        self.push(self.destination, image, "a", "v1")
        self.assertEqual(self.program.run("copy", "--progress", "none", *options, *places).exit_code, PARTIAL)
        self.assert_whole(self.destination, "a", "v1", image)
        zstd = images.single(compress="zstd")
        self.push(self.source, zstd, "a", "z")
        self.push(self.destination, zstd, "a", "z")
        record = self.copy_json(at(self.source, "a", "z"), at(self.destination, "a", "z"), *options)
        self.assertEqual(record["status"], "unchanged")

    def test_chunked_uploads(self):
        image = images.single(layer_size=400_000)
        self.recompress(image, "zstd", "--chunk-size", "100KiB", "--buffer-size", "16KiB")
        self.assert_recompressed(self.destination, "a", "v1", image)
        self.assertGreater(len(self.destination.requests(method="PATCH")), 9)


class Layouts(RecompressCase):
    def test_buffers_of_a_fixed_size_are_used_again(self):
        """One layer after the other: with two queues each, of ten buffers."""
        images.write_layout(images.single(layers=12, layer_size=100_000), self.directory / "from", "v1")
        report = self.directory / "report.json"
        self.copy_json(f"oci:{self.directory}/from:v1", f"oci:{self.directory}/to:v1", "--recompress", "zstd", "--jobs", "1",
                       "--buffer-size", "1MiB", "--report", report)
        tiers = json.loads(report.read_text())["performance"]["buffer_pool"]["tiers"]
        tier = next(tier for tier in tiers if tier["size_bytes"] == 1 << 20)
        self.assertEqual((tier["acquired"], tier["misses"]), (12 * 20, 20))

    def test_layouts_and_archives(self):
        image = images.multi_arch(layer_size=100_000)
        images.write_layout(image, self.directory / "from", "v1")
        source = f"oci:{self.directory}/from:v1"
        archive = f"oci-archive:{self.directory}/image.tar:v1"
        layout = f"oci:{self.directory}/to:v1"
        first = self.copy_json(source, archive, "--recompress", "zstd")
        closure = oracle.verify_archive(self.directory / "image.tar", "v1")
        self.assertEqual(closure.digest, first["digest"])
        second = self.copy_json(source, layout, "--recompress", "zstd")
        self.assertEqual(oracle.verify_layout(self.directory / "to", "v1").digest, first["digest"])
        self.assertEqual(second["digest"], first["digest"])
        for destination in (archive, layout):
            again = self.copy_json(source, destination, "--recompress", "zstd")
            self.assertEqual((again["status"], again["digest"]), ("unchanged", first["digest"]))
        registry = self.registry()
        self.copy(archive, at(registry, "a", "v1"))
        self.assert_recompressed(registry, "a", "v1", image)
        back = self.copy_json(archive, f"oci:{self.directory}/back:v1", "--recompress", "gzip")
        self.assertEqual(oracle.verify_layout(self.directory / "back", "v1").digest, back["digest"])
        self.assertEqual([path.name for path in self.directory.rglob("*.tmp")], [])


class Refusals(RecompressCase):
    def setUp(self):
        super().setUp()
        self.image = images.single()
        self.source, self.destination = self.scripted(), self.scripted()
        self.source.load(self.image, "a", "v1")
        self.places = at(self.source, "a", "v1"), at(self.destination, "a", "v1")

    def refused(self, words, source, destination, *options):
        self.refuse_copy(USAGE, source, destination, *options, words=words)
        self.assertEqual(self.destination.journal, [])

    def test_digests_and_signatures(self):
        pinned = at(self.source, "a", self.image.digest)
        self.refused("--allow-digest-change", pinned, self.places[1], "--recompress", "zstd")
        self.refused("name a tag", self.places[0], at(self.destination, "a", self.image.digest), "--recompress", "zstd")
        self.refused("name a tag", pinned, f"docker://{self.destination.host}/a", "--recompress", "zstd",
                     "--allow-digest-change")
        self.refused("--allow-digest-change", *self.places, "--recompress", "zstd", "--referrers")
        self.refused("--recompress", *self.places, "--allow-digest-change")
        for setting in ("zstd:20", "gzip:0", "xz", "zstd:"):
            self.refused("--recompress", *self.places, "--recompress", setting)

    def test_allowed(self):
        signature = images.referrer(self.image)
        self.source.load(signature, "a", f"sha256-{self.image.digest[7:]}.sig")
        pinned = at(self.source, "a", self.image.digest)
        record = self.copy_json(pinned, self.places[1], "--recompress", "zstd", "--allow-digest-change", "--referrers")
        self.assertEqual(record["referrers"], 1)
        self.assertNotEqual(record["digest"], self.image.digest)
        self.assertIsNotNone(self.destination.manifest("a", signature.digest))
        again = self.copy_json(pinned, self.places[1], "--recompress", "zstd", "--allow-digest-change", "--referrers")
        self.assertEqual((again["status"], again["digest"]), ("unchanged", record["digest"]))

    def broken(self, words, code, spoil):
        image = images.single(5, layers=1)
        document = image.document
        layer = document["layers"][0]
        layer.update(image.add_blob(layer["mediaType"], spoil(image.blobs[layer["digest"]])))
        image.manifests.clear()
        image.add_manifest(document["mediaType"], document)
        self.source.load(image, "a", "broken")
        self.refuse_copy(code, at(self.source, "a", "broken"), self.places[1], "--recompress", "zstd", words=words)
        self.assertIsNone(self.destination.manifest("a", "v1"))
        self.assert_no_open_uploads(self.destination)
        self.assertEqual([u.digest for u in self.destination.uploads.values() if u.state == "committed"], [])

    def test_layers_that_are_not_what_they_say(self):
        self.broken("too early", INTEGRITY, lambda data: data[:-20])
        self.broken("behind its end", INTEGRITY, lambda data: data + b"garbage")
        self.broken("said to be gzip", INTEGRITY, lambda data: images.zstd(gzip.decompress(data)))
        self.broken("config says", INTEGRITY, lambda data: images.gzip(b"something else"))
        self.broken("config says", INTEGRITY, lambda data: data + images.gzip(b"another member"))
        self.broken("gzip", INTEGRITY, lambda data: data[:50] + bytes([data[50] ^ 255]) + data[51:])

    def test_members_of_gzip(self):
        """Layers of several members are ordinary (pigz, estargz)."""
        image = with_layers(images.single(6, layers=1), lambda data: images.gzip(data[:700]) + images.gzip(data[700:]),
                            images.OCI_LAYER)
        self.source.load(image, "a", "members")
        self.copy(at(self.source, "a", "members"), self.places[1], "--recompress", "zstd")

    def test_configs_that_do_not_fit(self):
        document = self.image.document
        document["layers"] *= 2
        image = images.Image({}, blobs=dict(self.image.blobs))
        image.add_manifest(images.OCI_MANIFEST, document)
        self.source.load(image, "a", "v2")
        self.refuse_copy(INTEGRITY, at(self.source, "a", "v2"), self.places[1], "--recompress", "zstd", words="diff_ids")
        document = self.image.document
        document["config"] = image.add_blob(images.OCI_CONFIG, b"{}")
        image.add_manifest(images.OCI_MANIFEST, document)
        self.source.load(image, "a", "v3")
        self.refuse_copy(PROTOCOL, at(self.source, "a", "v3"), self.places[1], "--recompress", "zstd", words="rootfs")

    def test_wrong_bytes_from_the_source(self):
        layer = self.image.document["layers"][0]["digest"]
        self.source.rule("GET", layer, faults.Flip())
        self.refuse_copy(INTEGRITY, *self.places, "--recompress", "zstd")
        self.assertIsNone(self.destination.manifest("a", "v1"))
        self.assert_no_open_uploads(self.destination)

    def test_faults_on_the_way(self):
        """One wrong answer each: the layer is read and packed again."""
        layer = self.image.document["layers"][0]["digest"]
        self.source.rule("GET", layer, faults.Flip(), nth=1)
        self.destination.rule("PATCH", "/blobs/uploads/", faults.status(503), nth=2)
        self.destination.rule("PUT", "/blobs/uploads/", faults.status(500), nth=3)
        self.copy(*self.places, "--recompress", "zstd")
        closure = oracle.verify_scripted(self.destination, "a", "v1")
        self.assertEqual(len(closure.blobs), 4)
        self.assert_no_open_uploads(self.destination)


class Trees(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        base = images.single("base", layers=1, layer_size=200_000)
        self.shared = base.document["layers"][0]
        self.contents = {}
        for number in range(4):
            image = images.single(number, layers=1)
            document = image.document
            config = json.loads(image.blobs[document["config"]["digest"]])
            base_config = json.loads(base.blobs[base.document["config"]["digest"]])
            config["rootfs"]["diff_ids"][:0] = base_config["rootfs"]["diff_ids"]
            document["layers"].insert(0, image.add_blob(images.OCI_LAYER, base.blobs[self.shared["digest"]]))
            document["config"] = image.add_blob(images.OCI_CONFIG, images.to_json(config))
            image.manifests.clear()
            image.add_manifest(images.OCI_MANIFEST, document)
            self.contents[f"app{number % 2}", f"v{number}"] = image
        self.contents["multi", "v1"] = images.multi_arch()
        fill(self.source, self.contents)

    def test_shared_layers_once_and_a_second_run_that_writes_nothing(self):
        self.source.mark()
        report = self.replicate(self.source, self.destination, "--recompress", "zstd")
        self.assertEqual(set(outcomes(report).values()), {"copied"})
        fetched = self.source.requests(method="GET", path=self.shared["digest"])
        self.assertEqual(len([r for r in fetched if r.status == 200]), 1)
        for repository, tag in self.contents:
            oracle.verify_storage(self.destination, repository, tag)
        self.destination.mark()
        again = self.replicate(self.source, self.destination, "--recompress", "zstd")
        self.assertEqual(set(outcomes(again).values()), {"equal"})
        self.assertEqual(again["totals"]["equal"], len(self.contents))
        self.assertEqual(self.destination.requests(writes=True), [])
        self.assertEqual({name: entry["digest"] for name, entry in by_reference(again).items()},
                         {name: entry["digest"] for name, entry in by_reference(report).items()})
        self.assertEqual({entry["reason"] for entry in again["references"]}, {"recompressed"})
        check = self.program.run(*self.arguments(self.source, self.destination, "--output", "json", "--deep", command="check"))
        self.assertEqual(check.exit_code, OK, check)
        self.assertEqual({entry["reason"] for entry in check.json["references"]}, {"recompressed"})
        dry = self.replicate(self.source, self.destination, "--recompress", "zstd:9", "--dry-run")
        self.assertEqual(set(outcomes(dry).values()), {"planned"})

    def test_checkpoint(self):
        options = ("--recompress", "gzip:9", "--checkpoint", self.directory / "journal")
        for expected in ("copied", "equal"):
            report = self.replicate(self.source, self.destination, *options[:1], "zstd", *options[2:])
            self.assertEqual(set(outcomes(report).values()), {expected})
        self.refuse_tree(USAGE, self.source, self.destination, *options, words="checkpoint")

    def test_a_registry_that_does_not_mount(self):
        """Then the layer is packed once more for each repository, and comes to the same bytes."""
        source, destination = self.scripted(), self.scripted(mount="never")
        fill(source, self.contents)
        self.replicate(source, destination, "--recompress", "zstd")
        for repository, tag in self.contents:
            oracle.verify_scripted(destination, repository, tag)
        self.assert_no_open_uploads(destination)

    def test_signatures(self):
        image = self.contents["app0", "v0"]
        tag = f"sha256-{image.digest[7:]}.sig"
        fill(self.source, {("app0", tag): images.artifact()})
        report = self.replicate(self.source, self.destination, "--recompress", "zstd", code=PARTIAL)
        failed = by_reference(report)[f"app0:{tag}"]
        self.assertEqual((failed["outcome"], failed["error_class"]), ("failed", "usage"))
        self.assertIn("--skip-digest-tags", failed["error"])
        self.replicate(self.source, self.destination, "--recompress", "zstd", "--skip-digest-tags")
        self.replicate(self.source, self.destination, "--recompress", "zstd", "--allow-digest-change")
        self.refuse_tree(USAGE, self.source, self.destination, "--recompress", "zstd", "--referrers", "--delete-extra",
                         "--allow-digest-change", words="--delete-extra")

    def test_oci_tree(self):
        tree = f"oci-tree:{self.directory}/tree"
        self.replicate(self.source, tree, "--recompress", "zstd")
        again = self.replicate(self.source, tree, "--recompress", "zstd")
        self.assertEqual(set(outcomes(again).values()), {"equal"})
        report = self.replicate(tree, self.destination)
        self.assertEqual(set(outcomes(report).values()), {"copied"})

    def test_sync(self):
        jobs = {"version": 1, "jobs": [{"name": "all", "source": self.source.host, "destination": self.destination.host,
                                        "recompress": "zstd:1", "lock": str(self.lock)}]}
        path = self.write_json(self.directory / "jobs.yaml", jobs)
        result = self.program.run("sync", "--config", path, "--progress", "none")
        self.assertEqual(result.exit_code, OK, result)
        manifest = client.RegistryClient(self.destination.url).manifest("multi", "v1")[1]
        self.assertEqual(json.loads(manifest)["annotations"][SETTINGS], "zstd:1")


if __name__ == "__main__":
    unittest.main()
