"""Registry to registry, against Debian's docker-registry on both sides, with skopeo as an independent reader."""

import threading
import unittest

from support import client, images, oracle, process
from support.case import NOT_FOUND, USAGE, Case, at
from support.wire import Response, Server

KINDS = {
    "single": lambda: images.single(),
    "multi-arch": lambda: images.multi_arch(),
    "docker": lambda: images.single(docker=True),
    "docker-list": lambda: images.multi_arch(docker=True),
    "nested": lambda: images.nested(16),
    "artifact": lambda: images.artifact(),
    "empty-blob": lambda: images.with_empty_blob(),
    "duplicates": lambda: images.with_duplicate_layers(),
    "odd-bytes": lambda: images.with_odd_bytes(),
    "zstd": lambda: images.single(compress="zstd"),
    "many-layers": lambda: images.single(layers=40, layer_size=100),
}


def skopeo_raw(registry, repository, tag):
    return process.run_tool(
        "skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/{repository}:{tag}"
    ).stdout


class Kinds(Case):
    def test_every_kind_arrives_with_the_same_digest(self):
        source, destination = self.registry(), self.registry()
        for name, make in KINDS.items():
            with self.subTest(kind=name):
                image = make()
                self.push(source, image, f"kinds/{name}", "v1")
                record = self.copy_json(at(source, f"kinds/{name}", "v1"), at(destination, f"to/{name}", "v2"))
                self.assertEqual(record["digest"], image.digest)
                self.assertEqual(record["status"], "copied")
                self.assert_whole(destination, f"to/{name}", "v2", image)
                self.assertEqual(oracle.verify_storage(destination, f"to/{name}", "v2").digest, image.digest)
                self.assertEqual(skopeo_raw(destination, f"to/{name}", "v2"), image.bytes)

    def test_a_real_root_file_system_makes_the_round(self):
        """registry → layout → archive → registry, same digest, and skopeo reads each station."""
        image = images.root_file_system()
        first, last = self.registry(), self.registry()
        self.push(first, image, "root", "latest")
        layout, archive = f"oci:{self.directory}/layout:root", f"oci-archive:{self.directory}/root.tar:root"
        self.copy(at(first, "root"), layout)
        self.copy(layout, archive)
        self.copy(archive, at(last, "root"))
        self.assert_whole(last, "root", "latest", image)
        for station in (layout, archive):
            self.assertEqual(process.run_tool("skopeo", "inspect", "--raw", station).stdout, image.bytes)

    def test_large_layers(self):
        image = images.single(layers=4, layer_size=24 << 20)
        source, destination = self.registry(), self.registry()
        self.push(source, image, "big", "latest")
        record = self.copy_json(at(source, "big"), at(destination, "big"))
        self.assert_whole(destination, "big", "latest", image)
        self.assertGreaterEqual(record["bytes"], sum(map(len, image.blobs.values())))

    def test_foreign_layers_stay_references(self):
        asked = []

        def elsewhere(request):
            asked.append(request.target)
            return Response.of(200, b"never wanted")

        server = Server(elsewhere)
        self.addCleanup(server.stop)
        image = images.with_foreign_layer(url=f"{server.url}/layer")
        source, destination = self.registry(allow_foreign=True), self.registry(allow_foreign=True)
        self.push(source, image, "foreign", "latest")
        self.copy(at(source, "foreign"), at(destination, "foreign"))
        closure = self.assert_whole(destination, "foreign", "latest", image)
        self.assertEqual(len(closure.foreign), 1)
        self.assertEqual(asked, [])

    def test_foreign_layers_refused_by_the_destination(self):
        """docker-registry without validation.manifests.urls.allow answers 500 with MANIFEST_BLOB_UNKNOWN: not retried."""
        image = images.with_foreign_layer()
        source, destination = self.registry(allow_foreign=True), self.registry()
        self.push(source, image, "foreign", "latest")
        destination.mark()
        self.refuse_copy((5, 8, 9), at(source, "foreign"), at(destination, "foreign"))
        self.assertLessEqual(len(destination.requests(method="PUT", path="/manifests/")), 2)
        self.assert_absent(destination, "foreign", "latest")


class References(Case):
    def setUp(self):
        super().setUp()
        self.image = images.multi_arch()
        self.source, self.destination = self.registry(), self.registry()
        self.push(self.source, self.image, "a/b", "v1", "latest")

    def test_a_bare_reference_and_the_default_tag(self):
        self.copy(f"{self.source.host}/a/b", f"{self.destination.host}/c")
        self.assert_whole(self.destination, "c", "latest", self.image)

    def test_a_digest_as_source_and_a_tag_as_destination(self):
        child = self.image.document["manifests"][1]["digest"]
        record = self.copy_json(at(self.source, "a/b", child), at(self.destination, "c", "child"))
        self.assertEqual(record["digest"], child)
        self.assertEqual(oracle.verify_registry(client.RegistryClient(self.destination.url), "c", "child").digest, child)

    def test_tag_and_digest_the_digest_decides(self):
        child = self.image.document["manifests"][0]["digest"]
        self.copy(f"docker://{self.source.host}/a/b:v1@{child}", at(self.destination, "c", "x"))
        self.assertEqual(oracle.verify_registry(client.RegistryClient(self.destination.url), "c", "x").digest, child)

    def test_a_destination_by_digest_gets_no_tag(self):
        self.copy(at(self.source, "a/b", self.image.digest), at(self.destination, "c", self.image.digest))
        talk = client.RegistryClient(self.destination.url)
        self.assertEqual(oracle.verify_registry(talk, "c", self.image.digest).digest, self.image.digest)
        self.assertEqual(talk.tags("c"), [])

    def test_a_destination_by_another_digest_is_refused(self):
        other = images.digest_of(b"other")
        self.refuse_copy((2, 7), at(self.source, "a/b", "v1"), at(self.destination, "c", other))
        self.assertEqual(client.RegistryClient(self.destination.url).tags("c"), [])

    def test_also_tag(self):
        self.copy(at(self.source, "a/b"), at(self.destination, "c", "one"), "--also-tag", "two", "--also-tag", "three")
        for tag in ("one", "two", "three"):
            self.assert_whole(self.destination, "c", tag, self.image)

    def test_a_name_instead_of_an_address(self):
        self.copy(f"docker://localhost:{self.source.port}/a/b:v1", f"docker://localhost:{self.destination.port}/c:v1")
        self.assert_whole(self.destination, "c", "v1", self.image)

    def test_an_ipv6_literal(self):
        destination = self.registry(address="::1")
        self.copy(at(self.source, "a/b", "v1"), at(destination, "c", "v1"))
        self.assert_whole(destination, "c", "v1", self.image)

    def test_what_is_not_there(self):
        for repository, tag in (("a/b", "none"), ("none", "v1"), ("a/b", images.digest_of(b"none"))):
            with self.subTest(repository=repository, tag=tag):
                self.refuse_copy(NOT_FOUND, at(self.source, repository, tag), at(self.destination, "c", "v1"))
        self.assert_absent(self.destination, "c", "v1")

    def test_a_bad_also_tag(self):
        self.refuse_copy(USAGE, at(self.source, "a/b"), at(self.destination, "c"), "--also-tag", "not/a/tag")


class SameRegistry(Case):
    def test_blobs_are_mounted(self):
        image = images.multi_arch()
        registry = self.registry()
        self.push(registry, image, "from/here", "v1")
        registry.mark()
        record = self.copy_json(at(registry, "from/here", "v1"), at(registry, "to/there", "v1"))
        self.assert_whole(registry, "to/there", "v1", image)
        self.assertEqual(record["blobs"]["mounted"], len(image.blobs))
        self.assertEqual(record["blobs"]["copied"], 0)

    def test_mounted_blobs_send_no_body(self):
        image = images.single()
        registry = self.registry()
        self.push(registry, image, "from", "v1")
        registry.mark()
        self.copy(at(registry, "from", "v1"), at(registry, "to", "v1"))
        seen = registry.requests(path="/blobs/")
        self.assertEqual([request for request in seen if request.method in ("PUT", "PATCH", "GET")], [])
        self.assertEqual(len([request for request in seen if request.status == 201]), len(image.blobs))


class Uploads(Case):
    def setUp(self):
        super().setUp()
        self.image = images.single(layers=2, layer_size=300_000)
        self.source, self.destination = self.registry(), self.registry()
        self.push(self.source, self.image, "a", "v1")

    def test_monolithic_by_default(self):
        self.destination.mark()
        self.copy(at(self.source, "a", "v1"), at(self.destination, "a", "v1"))
        self.assertEqual(self.destination.requests(method="PATCH"), [])
        puts = self.destination.requests(method="PUT", path="/blobs/uploads/")
        self.assertEqual(len(puts), len(self.image.blobs))

    def test_chunks_on_request(self):
        self.destination.mark()
        self.copy(at(self.source, "a", "v1"), at(self.destination, "a", "v1"), "--chunk-size", "64KiB")
        self.assertGreaterEqual(len(self.destination.requests(method="PATCH", status=202)), 2 * 4)
        self.assert_whole(self.destination, "a", "v1", self.image)

    def test_any_number_of_jobs(self):
        many = images.single(seed=7, layers=20, layer_size=30_000)
        self.push(self.source, many, "many", "v1")
        for jobs in (1, 2, 8):
            with self.subTest(jobs=jobs):
                self.copy(at(self.source, "many", "v1"), at(self.destination, f"jobs{jobs}", "v1"), "--jobs", jobs)
                self.assert_whole(self.destination, f"jobs{jobs}", "v1", many)

    def test_without_the_buffer_pool(self):
        """Slower or not, the bytes are the same: of a layer that is copied, and of one that is packed anew."""
        layout = self.directory / "layout"
        digests = set()
        for pool in ("on", "off"):
            with self.subTest(pool=pool):
                options = ("--buffer-pool", pool, "--jobs", "3")
                self.copy(at(self.source, "a", "v1"), at(self.destination, f"pool-{pool}", "v1"), *options)
                self.assert_whole(self.destination, f"pool-{pool}", "v1", self.image)
                self.copy(at(self.source, "a", "v1"), f"oci:{layout}:{pool}", *options)
                self.assertEqual(oracle.verify_layout(layout, pool).digest, self.image.digest)
                packed = self.copy_json(at(self.source, "a", "v1"), at(self.destination, f"packed-{pool}", "v1"),
                                        "--recompress", "zstd", *options)
                digests.add(packed["digest"])
        self.assertEqual(len(digests), 1)
        self.refuse_copy(USAGE, at(self.source, "a", "v1"), at(self.destination, "no", "v1"), "--buffer-pool", "perhaps",
                         words=("--buffer-pool", "on, off"))

    def test_two_runs_at_once_to_one_tag(self):
        results = []

        def run():
            results.append(self.program.run("copy", at(self.source, "a", "v1"), at(self.destination, "same", "v1")))

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([result.exit_code for result in results], [0, 0, 0], "\n".join(map(str, results)))
        self.assert_whole(self.destination, "same", "v1", self.image)


class Output(Case):
    def test_one_line_with_the_digest(self):
        image = images.single()
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        result = self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual(len(result.stdout.splitlines()), 1, result)
        self.assertIn(image.digest, result.stdout)
        self.assertEqual(result.stderr, "", result)

    def test_the_record(self):
        image = images.single()
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        record = self.copy_json(at(source, "a", "v1"), at(destination, "a", "v1"))
        size = sum(map(len, image.blobs.values()))
        self.assertEqual(record["digest"], image.digest)
        self.assertIn(f"{source.host}/a:v1", record["source"])
        self.assertIn(f"{destination.host}/a:v1", record["destination"])
        total = len(image.blobs)
        self.assertEqual(record["blobs"], {**record["blobs"], "copied": total, "mounted": 0, "present": 0, "total": total})
        self.assertEqual(record["bytes"], size)
        self.assertGreaterEqual(record["duration_ms"], 0)
        again = self.copy_json(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual((again["status"], again["bytes"]), ("unchanged", 0))


if __name__ == "__main__":
    unittest.main()
