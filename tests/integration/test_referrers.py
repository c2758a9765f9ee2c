"""--referrers: the referrers API with pages, the fallback tag, and cosign's tags."""

import json
import unittest

from support import faults, images
from support.case import Case, at


def fallback_tag(digest, ending=""):
    return digest.replace(":", "-") + ending


def fallback_index(referrers):
    return images.index_of(referrers)


class Referrers(Case):
    def setUp(self):
        super().setUp()
        self.subject = images.single()
        self.signatures = [images.referrer(self.subject, seed) for seed in range(5)]

    def source_with_api(self):
        source = self.scripted(referrers=True, referrers_page=2)
        source.load(self.subject, "a", "v1")
        for signature in self.signatures:
            source.load(signature, "a")
        return source

    def assert_all_there(self, destination, signatures=None):
        repository = destination.repository("a")
        for signature in signatures or self.signatures:
            self.assertIn(signature.digest, repository.manifests)
            for digest, data in signature.blobs.items():
                self.assertEqual(repository.blobs.get(digest), data)

    def fallback_entries(self, destination):
        found = destination.manifest("a", fallback_tag(self.subject.digest))
        self.assertIsNotNone(found, "no fallback tag")
        document = json.loads(found[1])
        self.assertEqual(document["mediaType"], images.OCI_INDEX)
        return {entry["digest"]: entry for entry in document["manifests"]}

    def test_off_by_default(self):
        source, destination = self.source_with_api(), self.scripted(referrers=True)
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        self.assertEqual(set(destination.repository("a").manifests), {self.subject.digest})
        self.assertEqual(source.requests(path="/referrers/"), [])

    def test_api_to_api_over_all_pages(self):
        source, destination = self.source_with_api(), self.scripted(referrers=True)
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        self.assert_all_there(destination)
        self.assertEqual(destination.repository("a").tags, {"v1": self.subject.digest})
        self.assertGreaterEqual(len(source.requests("GET", "/referrers/")), 3)

    def test_api_to_a_registry_without(self):
        source, destination = self.source_with_api(), self.scripted()
        earlier = images.referrer(self.subject, "earlier")
        destination.load(earlier, "a")
        destination.load(fallback_index([earlier]), "a", fallback_tag(self.subject.digest))
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        self.assert_all_there(destination)
        entries = self.fallback_entries(destination)
        self.assertEqual(set(entries), {signature.digest for signature in [*self.signatures, earlier]})
        for signature in self.signatures:
            self.assertEqual(entries[signature.digest]["artifactType"], "application/vnd.example.signature")

    def test_fallback_tag_to_api_and_to_none(self):
        for api in (True, False):
            with self.subTest(api=api):
                source, destination = self.scripted(), self.scripted(referrers=api)
                source.load(self.subject, "a", "v1")
                source.load(fallback_index(self.signatures), "a", fallback_tag(self.subject.digest))
                self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
                self.assert_all_there(destination)
                if not api:
                    self.assertEqual(set(self.fallback_entries(destination)), {s.digest for s in self.signatures})

    def test_cosign_tags(self):
        source, destination = self.scripted(), self.scripted()
        source.load(self.subject, "a", "v1")
        attached = {ending: images.artifact(ending) for ending in (".sig", ".att", ".sbom")}
        for ending, image in attached.items():
            source.load(image, "a", fallback_tag(self.subject.digest, ending))
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        for ending, image in attached.items():
            self.assertEqual(destination.repository("a").tags.get(fallback_tag(self.subject.digest, ending)), image.digest)
        self.assert_all_there(destination, list(attached.values()))

    def test_a_referrer_of_a_referrer(self):
        source, destination = self.source_with_api(), self.scripted(referrers=True)
        second = images.referrer(self.signatures[0], "second")
        source.load(second, "a")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        self.assert_all_there(destination, [*self.signatures, second])

    def test_referrers_of_the_children_of_an_index(self):
        image = images.multi_arch()
        child = next(iter(d for d in image.manifests if d != image.digest))
        media_type, data = image.manifests[child]
        signature = images.referrer(images.Image({"mediaType": media_type, "digest": child, "size": len(data)}))
        source, destination = self.scripted(referrers=True), self.scripted(referrers=True)
        source.load(image, "a", "v1")
        source.load(signature, "a")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        self.assert_all_there(destination, [signature])

    def test_none_there(self):
        source, destination = self.registry(), self.registry()
        self.push(source, self.subject, "a", "v1")
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
        self.assert_whole(destination, "a", "v1", self.subject)

    def test_into_and_out_of_a_layout(self):
        source, destination = self.source_with_api(), self.scripted(referrers=True)
        self.copy(at(source, "a", "v1"), f"oci:{self.directory}/layout:v1", "--referrers")
        self.copy(f"oci:{self.directory}/layout:v1", at(destination, "a", "v1"), "--referrers")
        self.assert_all_there(destination)

    def test_a_second_run_writes_nothing(self):
        source = self.source_with_api()
        for api in (True, False):
            with self.subTest(api=api):
                destination = self.scripted(referrers=api)
                self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
                before = len(destination.journal)
                self.copy(at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers")
                writes = [f"{r.method} {r.path}" for r in destination.requests(since=before) if r.writes]
                self.assertEqual(writes, [])

    def test_a_loop_of_pages_ends(self):
        source, destination = self.source_with_api(), self.scripted(referrers=True)
        path = f"/v2/a/referrers/{self.subject.digest}"
        source.rule("GET", "/referrers/", faults.SetHeader(Link=f'<{path}?n=2&last=x>; rel="next"'))
        self.refuse_copy((9,), at(source, "a", "v1"), at(destination, "a", "v1"), "--referrers", timeout=30)


if __name__ == "__main__":
    unittest.main()
