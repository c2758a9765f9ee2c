"""Blobs that many images share: each moves once, whatever goes wrong with the one that moves it."""

import itertools
import unittest

from support import faults, images
from support.case import PARTIAL
from support.tree import TreeCase, by_reference, fill, outcomes, small, tags_of


def of_layers(seed, contents):
    """An image whose layers are `contents`, in this order."""
    image = small(seed, layers=0)
    document = image.document
    document["layers"] = [image.add_blob(images.OCI_LAYER, data) for data in contents]
    image.manifests.clear()
    image.add_manifest(images.OCI_MANIFEST, document)
    return image


def layer(seed, size=100_000):
    return images.random_bytes(f"layer {seed}", size)


class SharingCase(TreeCase):
    def share(self, count=12, **destination):
        """`count` repositories whose images share one layer."""
        self.source, self.destination = self.scripted(), self.scripted(**{"mount": "real", **destination})
        self.base = layer("base", 300_000)
        self.digest = images.digest_of(self.base)
        self.contents = {(f"app{n}", "v1"): of_layers(n, [self.base, layer(n, 1000)]) for n in range(count)}
        fill(self.source, self.contents)

    def fetched(self):
        return len(self.source.requests("GET", self.digest))

    def uploaded(self):
        return len([u for u in self.destination.uploads.values() if u.state == "committed" and u.digest == self.digest])

    def assert_arrived(self):
        self.assert_tree(self.destination, self.contents)
        self.assert_no_open_uploads(self.destination)


class Sharing(SharingCase):
    def test_mounted(self):
        self.share()
        self.source.rule("GET", "/blobs/", faults.Delay(0.05))
        self.replicate(self.source, self.destination)
        self.assert_arrived()
        self.assertEqual((self.fetched(), self.uploaded()), (1, 1))

    def test_a_registry_that_does_not_mount(self):
        """Then it is uploaded for each repository; the sessions that the mounts opened are used."""
        for mount in ("never", "refuse"):
            with self.subTest(mount=mount):
                self.share(mount=mount)
                self.replicate(self.source, self.destination)
                self.assert_arrived()
                self.assertEqual(self.uploaded(), 12)
                opened = [upload for upload in self.destination.uploads.values()]
                self.assertEqual(len(opened), 12 * 3, "one session for each blob of each repository")

    def test_the_one_that_uploads_it_fails(self):
        """The others do it themselves."""
        self.share()
        self.source.rule("GET", self.digest, faults.Delay(0.2), nth=1)
        for number in range(3):
            self.destination.rule("PUT", f"/v2/app{number}/blobs/", faults.status(403))
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        self.assertEqual({name for name, outcome in outcomes(report).items() if outcome == "failed"},
                         {"app0:v1", "app1:v1", "app2:v1"})
        for number in range(3):
            del self.contents[f"app{number}", "v1"]
        self.assert_arrived()

    def test_a_source_repository_that_does_not_give_it(self):
        self.share()
        self.source.rule("GET", f"/v2/app[0-5]/blobs/{self.digest}", faults.status(404))
        report = self.replicate(self.source, self.destination, "--jobs-per-host", "4", code=(0, PARTIAL))
        self.assert_every_tag_is_whole(self.destination)
        for number in range(6, 12):
            self.assertEqual(outcomes(report)[f"app{number}:v1"], "copied")

    def test_wrong_bytes_reach_nobody(self):
        self.share()
        self.source.rule("GET", self.digest, faults.Flip())
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        self.assertEqual({entry["error_class"] for entry in report["references"]}, {"integrity"})
        self.assertEqual(tags_of(self.destination), {})
        self.assertEqual(self.uploaded(), 0)

    def test_wrong_bytes_once(self):
        """Only the image that met them may fail."""
        self.share()
        self.source.rule("GET", self.digest, faults.Flip(), nth=1)
        report = self.replicate(self.source, self.destination, code=(0, PARTIAL))
        failed = [name for name, outcome in outcomes(report).items() if outcome == "failed"]
        self.assertLessEqual(len(failed), 1)
        for name in failed:
            del self.contents[tuple(name.split(":"))]
        self.assert_arrived()

    def test_a_mount_that_claims_what_is_not_so(self):
        self.share(4)
        for number in range(4):
            answer = faults.Answer(201, b"", Location=f"/v2/app{number}/blobs/{self.digest}")
            rule = self.destination.rule("POST", f"/v2/app{number}/blobs/uploads/", answer)
            rule.applies = lambda request, n=number: request.path.startswith(f"/v2/app{n}/blobs/uploads") and (
                request.method == "POST" and request.argument("mount") is not None)
        self.replicate(self.source, self.destination)
        self.assert_arrived()

    def test_layers_in_every_order(self):
        """Images that wait for each other's blobs come to no standstill, with however few jobs."""
        layers = [layer(number, 20_000) for number in range(4)]
        contents = {("app", f"v{n}"): of_layers(n, order) for n, order in enumerate(itertools.permutations(layers))}
        for options in (("--jobs", "1", "--jobs-per-host", "1"), ("--jobs", "2"), ("--jobs", "1"), ("--jobs-per-host", "2")):
            with self.subTest(options=options):
                source, destination = self.scripted(), self.scripted(mount="real")
                fill(source, contents)
                source.rule("GET", "/blobs/", faults.Delay(0.02))
                self.replicate(source, destination, *options, timeout=60)
                self.assert_tree(destination, contents)
                shared = [request.path for request in source.requests("GET", "/blobs/")]
                self.assertEqual(len(shared), len(set(shared)))

    def test_within_one_registry_with_few_connections(self):
        for options in (("--jobs", "1", "--jobs-per-host", "1"), ("--jobs-per-host", "2"), ()):
            with self.subTest(options=options):
                registry = self.scripted(mount="real")
                contents = {("from/app", f"v{number}"): small(number) for number in range(10)}
                fill(registry, contents)
                self.replicate(f"{registry.host}/from", f"{registry.host}/to", *options, timeout=60)
                for (_, tag), image in contents.items():
                    self.assert_whole(registry, "to/app", tag, image)
                self.assertEqual(registry.requests("GET", "/blobs/"), [])

    def test_little_memory(self):
        source, destination = self.scripted(), self.scripted()
        contents = {("app", f"v{n}"): of_layers(n, [layer(f"{n} {m}", 300_000) for m in range(3)]) for n in range(10)}
        fill(source, contents)
        self.replicate(source, destination, "--max-memory", "64MiB", "--jobs", "8", timeout=60)
        self.assert_tree(destination, contents)


class Tokens(SharingCase):
    def test_mounts_with_tokens(self):
        """A mount needs a token for both repositories; without one that is good for both, the blob is uploaded."""
        server = self.token_server(users={"ci": "s3cret"}, grants={"ci": [("*", "pull,push,*")]})
        source, destination = self.registry(), self.registry(token=server.registry_settings())
        base = layer("base")
        contents = {(f"app{n}", "v1"): of_layers(n, [base, layer(n, 1000)]) for n in range(8)}
        fill(source, contents)
        auth = self.write_json(self.directory / "auth.json", {"auths": {destination.host: {"auth": "Y2k6czNjcmV0"}}})
        source.mark()
        destination.mark()
        report = self.replicate(source, destination, "--authfile", auth)
        self.assert_tree(destination, contents)
        digest = images.digest_of(base)
        self.assertEqual(len(source.requests(method="GET", path=digest)), 1)
        self.assertEqual(len([r for r in destination.requests(method="PUT") if digest[7:] in r.query]), 1)
        self.assertEqual(report["performance"]["blobs"]["mounted"], 7 + 0)

    def test_tokens_that_expire_on_the_way(self):
        server = self.token_server(users={"ci": "s3cret"}, grants={"ci": [("*", "pull,push,*")]}, expires_in=2)
        source = self.registry(token=server.registry_settings())
        destination = self.registry(token=server.registry_settings())
        contents = {("app", f"v{n}"): small(n) for n in range(40)}
        fill(source, contents)
        pair = {"auth": "Y2k6czNjcmV0"}
        auth = self.write_json(self.directory / "auth.json", {"auths": {source.host: pair, destination.host: pair}})
        self.replicate(source, destination, "--authfile", auth, "--requests-per-second", f"{source.host}=30")
        self.assert_tree(destination, contents)


class Dialects(SharingCase):
    """Registries that leave something out."""

    def test_without_digest_headers(self):
        for side in ("source", "destination"):
            with self.subTest(side=side):
                source = self.scripted(digest_header=side != "source")
                destination = self.scripted(digest_header=side != "destination")
                contents = {("app", "v1"): small(1), ("app", "v2"): images.multi_arch()}
                fill(source, contents)
                self.replicate(source, destination)
                since = len(destination.journal)
                report = self.replicate(source, destination)
                self.assertEqual(report["totals"]["equal"], 2)
                self.assertEqual([r.target for r in destination.requests(since=since) if r.writes], [])
                self.assert_tree(destination, contents)

    def test_without_head(self):
        for side in ("source", "destination"):
            with self.subTest(side=side):
                source, destination = self.scripted(), self.scripted()
                (source if side == "source" else destination).rule("HEAD", "/manifests/", faults.status(405))
                contents = {("app", "v1"): small(1), ("app", "v2"): images.multi_arch()}
                fill(source, contents)
                self.replicate(source, destination)
                report = self.replicate(source, destination)
                self.assertEqual(report["totals"]["equal"], 2)
                self.assert_tree(destination, contents)

    def test_a_digest_header_of_another_image_at_the_destination(self):
        """It is the source's word that counts for what is copied; a lie costs a copy, never a wrong tag."""
        source, destination = self.scripted(), self.scripted()
        contents = {("app", "v1"): small(1)}
        fill(source, contents)
        fill(destination, contents)
        destination.rule("HEAD", "/manifests/v1$", faults.SetHeader(Docker_Content_Digest="sha256:" + "0" * 64))
        self.replicate(source, destination)
        self.assert_tree(destination, contents)

    def test_blobs_from_a_second_origin(self):
        source, destination = self.scripted(redirect_blobs=True), self.scripted()
        contents = {("app", f"v{n}"): small(n) for n in range(10)}
        fill(source, contents)
        self.replicate(source, destination)
        self.assert_tree(destination, contents)

    def test_a_tag_that_the_destination_calls_immutable(self):
        source, destination = self.scripted(), self.scripted()
        fill(source, {("app", "v1"): small("new"), ("app", "v2"): small(2)})
        fill(destination, {("app", "v1"): small("old")})
        destination.rule("PUT", "/manifests/v1$", faults.status(409))
        report = self.replicate(source, destination, code=PARTIAL)
        self.assertEqual(outcomes(report), {"app:v1": "failed", "app:v2": "copied"})
        self.assertEqual(by_reference(report)["app:v1"]["error_class"], "denied")


if __name__ == "__main__":
    unittest.main()
