"""--referrers: the referrers API with pages, the fallback tag, and cosign's tags; artifacts that are copied as tags."""

import json
import unittest

from support import faults, images, process
from support.case import DENIED, OK, TEMPORARY, Case, at
from support.tree import TreeCase, small, tags_of


def fallback_tag(digest, ending=""):
    return digest.replace(":", "-") + ending


def fallback_index(referrers):
    return images.index_of(referrers)


def entries(registry, repository, tag):
    """What a list of referrers names; None where there is none."""
    found = registry.manifest(repository, tag)
    return found and {entry["digest"] for entry in json.loads(found[1])["manifests"]}


class Until(faults.Fault):
    """The request has its effect at once; its answer is sent when `condition()` has become true."""

    def __init__(self, condition, limit=20):
        self.condition, self.limit = condition, limit

    def after(self, request, response):
        try:
            process.wait_until(self.condition, self.limit)
        except TimeoutError:
            pass  # the test's judgements tell
        return response


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


class Artifacts(TreeCase):
    """Artifacts with a subject that are tags of a tree, to a registry without the referrers API."""

    def setUp(self):
        super().setUp()
        self.subject = small("subject")
        self.artifacts = [images.referrer(self.subject, seed) for seed in range(4)]
        self.digests = {artifact.digest for artifact in self.artifacts}
        self.tag = fallback_tag(self.subject.digest)
        self.source, self.destination = self.scripted(), self.scripted()
        self.source.load(self.subject, "a", "image")
        for number, artifact in enumerate(self.artifacts):
            self.source.load(artifact, "a", f"artifact{number}")

    def all_are_stored(self):
        return self.digests <= self.destination.repository("a").manifests.keys()

    def list_is_written(self):
        return self.destination.requests("PUT", self.tag)

    def assert_truthful(self, report):
        """All tags are equal, and the report says what they name."""
        self.assertEqual(tags_of(self.destination) | {("a", self.tag): None}, tags_of(self.source) | {("a", self.tag): None})
        found = tags_of(self.destination)
        told = {(entry["destination_repository"], entry["tag"]): entry["digest"] for entry in report["references"]}
        self.assertEqual(told, {name: found[name] for name in told})

    def assert_settled(self, *options):
        """Another run writes nothing."""
        before = len(self.destination.journal)
        self.replicate(self.source, self.destination, *options)
        self.assertEqual([r.path for r in self.destination.requests(since=before) if r.writes], [])

    def test_copies_at_the_same_time_lose_no_entry(self):
        # Whoever has read the list goes on when all four are about to.
        self.destination.rule("GET", self.tag, Until(self.all_are_stored))
        report = self.replicate(self.source, self.destination, "--jobs", "8")
        self.assert_truthful(report)
        self.assertEqual(entries(self.destination, "a", self.tag), self.digests)
        self.assert_settled()

    def test_lines_of_a_batch_lose_no_entry(self):
        self.destination.rule("GET", self.tag, Until(self.all_are_stored))
        lines = [json.dumps({"source": at(self.source, "a", f"artifact{number}"),
                             "destination": at(self.destination, "a", f"artifact{number}")}) for number in range(4)]
        self.succeed("copy", "--batch", "-", "--progress", "none", "--jobs", "8", stdin="\n".join(lines).encode())
        self.assertEqual(entries(self.destination, "a", self.tag), self.digests)

    def test_the_list_is_copied_as_a_tag_too(self):
        """One artifact's copy has read the list when the tag is about to be written."""
        listed = fallback_index(self.artifacts)
        self.source.load(listed, "a", self.tag)

        def is_copied():
            return tags_of(self.destination).get(("a", self.tag)) == listed.digest

        for options in ((), ("--referrers",)):
            with self.subTest(options=options):
                self.destination = self.scripted()
                self.destination.rule("GET", self.tag, Until(is_copied, limit=1.5), nth=1)
                self.source.rules.clear()
                self.source.rule("GET", self.tag, Until(lambda: self.destination.requests("GET", self.tag)))
                report = self.replicate(self.source, self.destination, "--jobs", "8", *options)
                self.assert_truthful(report)
                self.assertEqual(tags_of(self.destination), tags_of(self.source))
                self.assert_settled(*options)

    def test_a_list_that_is_copied_is_written_once(self):
        listed = fallback_index(self.artifacts)
        self.source.load(listed, "a", self.tag)
        self.copy(at(self.source, "a", self.tag), at(self.destination, "a", self.tag))
        self.assert_whole(self.destination, "a", self.tag, listed)
        self.assertEqual(len(self.list_is_written()), 1)

    def test_a_list_that_lacks_an_artifact_stays_the_sources(self):
        """The tag was asked for as it is; whichever comes first, that is what it is in the end, and the run says it."""
        self.source.load(fallback_index(self.artifacts[:3]), "a", self.tag)
        last = self.artifacts[3].digest
        # The tag is found equal, and the artifact is added before that is told.
        self.destination.load(fallback_index(self.artifacts[:3]), "a", self.tag)
        self.destination.rule("HEAD", self.tag, Until(self.list_is_written), nth=1)
        self.assert_keeps_the_sources_list(last)
        # The tag is copied before the artifact is there.
        self.destination = self.scripted()
        self.destination.rule("PUT", f"/manifests/{last}", Until(self.list_is_written), nth=1)
        self.assert_keeps_the_sources_list(last)

    def assert_keeps_the_sources_list(self, last):
        result = self.program.run(*self.arguments(self.source, self.destination, "--output", "json", "--jobs", "8"))
        self.assertEqual(result.exit_code, OK, result)
        self.assertEqual(tags_of(self.destination), tags_of(self.source))
        self.assert_truthful(result.json)
        self.assertIn(f"does not list {last}", result.stderr)
        self.assertIn("--skip-digest-tags", result.stderr)
        self.assert_settled()

    def test_lists_of_layouts_in_a_tree(self):
        """Each repository of a tree has its own list of the same subject."""
        source = self.scripted()
        for number, artifact in enumerate(self.artifacts):
            source.load(artifact, f"a{number}", "artifact")
        destination = self.scripted()
        self.replicate(source, f"oci-tree:{self.directory}/tree")
        self.replicate(f"oci-tree:{self.directory}/tree", destination, "--skip-digest-tags")
        for number, artifact in enumerate(self.artifacts):
            self.assertEqual(entries(destination, f"a{number}", self.tag), {artifact.digest})


class OneArtifact(Case):
    """A manifest with a subject under a tag: stored, listed, and only then tagged."""

    def setUp(self):
        super().setUp()
        self.subject, self.old = small("subject"), small("old")
        self.artifact = images.referrer(self.subject)
        self.tag = fallback_tag(self.subject.digest)
        self.fresh()

    def fresh(self, **behaviour):
        self.source, self.destination = self.scripted(), self.scripted(**behaviour)
        self.source.load(self.artifact, "a", "v1")
        self.destination.load(self.old, "a", "v1")
        self.ends = at(self.source, "a", "v1"), at(self.destination, "a", "v1")

    def assert_converges(self, *others):
        self.destination.rules.clear()
        self.copy(*self.ends)
        self.assert_whole(self.destination, "a", "v1", self.artifact)
        self.assertEqual(entries(self.destination, "a", self.tag), {self.artifact.digest, *others})

    def test_a_list_that_fails_leaves_the_tag(self):
        for method, code in (("GET", TEMPORARY), ("PUT", TEMPORARY), ("PUT", DENIED)):
            with self.subTest(method=method, code=code):
                self.fresh()
                self.destination.rule(method, self.tag, faults.status(503 if code == TEMPORARY else 403))
                self.refuse_copy(code, *self.ends, "--retries", "0")
                self.assertEqual(tags_of(self.destination), {("a", "v1"): self.old.digest})
                self.assert_converges()

    def test_a_tag_that_is_no_list_leaves_the_other_as_well(self):
        self.destination.load(self.old, "a", self.tag)
        self.refuse_copy(DENIED, *self.ends, words="no list of referrers")
        self.assertEqual(tags_of(self.destination), {("a", "v1"): self.old.digest, ("a", self.tag): self.old.digest})
        with self.destination.lock:
            del self.destination.repository("a").tags[self.tag]
        self.assert_converges()

    def test_a_list_that_may_not_be_read_is_not_overwritten(self):
        others = [images.referrer(self.subject, seed) for seed in ("other", "another")]
        there = fallback_index(others)
        self.destination.load(there, "a", self.tag)
        self.destination.rule("GET|HEAD", self.tag, faults.status(403))
        self.refuse_copy(DENIED, *self.ends, words="list of referrers")
        self.assertEqual(tags_of(self.destination), {("a", "v1"): self.old.digest, ("a", self.tag): there.digest})
        self.assert_converges(*(other.digest for other in others))

    def test_killed_before_the_tag(self):
        for path in (self.tag, "/manifests/v1"):
            with self.subTest(path=path):
                self.fresh()
                hold = faults.Hold()
                self.destination.rule("PUT", path, hold)
                run = self.program.start("copy", "--progress", "none", *self.ends)
                self.assertTrue(hold.reached())
                run.send_signal(9)
                self.assertEqual(run.wait().exit_code, 128 + 9)
                hold.release()
                self.assert_converges()

    def test_a_registry_that_lists_by_itself_gets_no_list(self):
        """Also where the answer about the tag does not tell: lost, or a refusal of a tag that is there."""

        def move(_):
            self.destination.load(self.artifact, "a", "v1")

        immutable = [faults.Call(move), faults.status(409)]
        for name, acting in (("plain", []), ("lost", [faults.DropReply()]), ("immutable", immutable)):
            with self.subTest(name):
                self.fresh(referrers=True)
                for fault in acting:
                    self.destination.rule("PUT", "/manifests/v1", fault, nth=1)
                self.copy(*self.ends)
                self.assert_whole(self.destination, "a", "v1", self.artifact)
                self.assertEqual(self.destination.requests(path=self.tag), [])

    def test_only_what_has_a_subject_takes_two_requests(self):
        self.source.load(self.old, "a", "v2")
        self.copy(at(self.source, "a", "v2"), at(self.destination, "a", "v2"))
        self.assertEqual(len(self.destination.requests("PUT", "/manifests/")), 1)
        since = len(self.destination.journal)
        self.copy(*self.ends, "--also-tag", "v3")
        written = [request.path.rpartition("/")[2] for request in self.destination.requests("PUT", "/manifests/", since)]
        self.assertEqual(written, [self.artifact.digest, self.tag, "v1", "v3"])

    def test_a_new_tag_that_may_not_be_read_is_recompressed(self):
        """What the registry refuses to show may not be there: the HEAD tells, and the PUT."""
        self.source.load(self.old, "a", "v2")
        rule = self.destination.rule("GET|HEAD", "/manifests/v2$", faults.status(403))
        self.copy(at(self.source, "a", "v2"), at(self.destination, "a", "v2"), "--recompress", "gzip:1")
        self.assertGreater(rule.hits, 0)
        self.assertIn(("a", "v2"), tags_of(self.destination))


if __name__ == "__main__":
    unittest.main()
