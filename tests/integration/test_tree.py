"""Trees from registry to registry: what arrives, and what it costs in requests."""

import unittest
from collections import Counter
from urllib.parse import parse_qs

from support import faults, images, process
from support.case import AUTHENTICATION, PARTIAL
from support.tree import (
    TreeCase, by_reference, fill, fleet, manifests_of, outcomes, read_report, small, tags_of, without_overview,
)


def is_self_mount(request):
    """Whether a repository that mounts from itself is told so: the question is asked once, with a blob it has."""
    repository = request.path.removeprefix("/v2/").removesuffix("/blobs/uploads/")
    return parse_qs(request.query)["from"] == [repository]


class Fleet(TreeCase):
    """30 repositories with several tags each, of every kind."""

    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        self.contents = fleet(30, 3)
        for number, image in enumerate((images.multi_arch(), images.multi_arch(docker=True), images.nested(3),
                                        images.artifact(), images.with_odd_bytes(), images.single(docker=True))):
            self.contents[f"kinds/k{number}", "v1"] = image
        same = images.multi_arch("same")
        for tag in ("1", "1.2", "1.2.3", "latest", "stable"):
            self.contents["team/deep/app", tag] = same
        fill(self.source, self.contents)

    def marked(self):
        for registry in (self.source, self.destination):
            registry.mark()

    def test_all_arrives_and_a_second_run_costs_almost_nothing(self):
        report = self.replicate(self.source, self.destination)
        self.assertEqual(report["totals"]["copied"], len(self.contents))
        self.assertEqual(report["totals"]["repositories"], 37)
        self.assert_tree(self.destination, self.contents)
        for (repository, tag), image in self.contents.items():
            entry = by_reference(report)[f"{repository}:{tag}"]
            self.assertEqual((entry["digest"], entry["reason"]), (image.digest, "new"))

        self.marked()
        report = self.replicate(self.source, self.destination)
        self.assertEqual(report["totals"]["equal"], len(self.contents))
        self.assertEqual(report["performance"]["bytes_copied"], 0)
        for registry in (self.source, self.destination):
            self.assert_cheap(registry, heads=len(self.contents))  # 2 per tag, an index or not
            heads = Counter(request.path for request in registry.requests(method="HEAD"))
            self.assertTrue(all(count == 1 for count in heads.values()), heads)
        self.assertEqual(self.destination.requests(writes=True), [])
        self.assertLessEqual(len(self.source.requests(path="/tags/list$")), 37)
        self.assertLessEqual(len(self.destination.requests(path="/tags/list$")), 37)
        self.assertEqual(len(self.source.requests(path="_catalog")), 1)

    def test_what_is_new_and_what_moved(self):
        self.replicate(self.source, self.destination)
        new, moved = small("new"), images.multi_arch("moved")
        self.contents["repo007", "v9"] = new
        self.contents["repo008", "v1"] = moved
        self.contents["fresh", "v1"] = images.multi_arch("fresh")
        fill(self.source, self.contents)
        self.marked()
        report = self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, self.contents)
        self.assertEqual(report["totals"]["copied"], 3)
        changed = {name: entry["reason"] for name, entry in by_reference(report).items() if entry["outcome"] == "copied"}
        self.assertEqual(changed, {"repo007:v9": "new", "repo008:v1": "changed", "fresh:v1": "new"})
        for path in ("repo007/manifests/v9", "fresh/manifests/v1"):
            self.assertEqual([request.method for request in self.destination.requests(path=path)], ["PUT"])
            self.assertEqual([request.method for request in self.source.requests(path=path)], ["GET"])
        self.assertEqual(len(manifests_of(self.destination.requests(), "PUT", by_tag=True)), 3)

    def test_the_same_digest_under_many_tags(self):
        self.marked()
        self.replicate(self.source, self.destination, "--repo", "team/deep/app")
        image = self.contents["team/deep/app", "1"]
        asked = self.destination.requests()
        self.assertEqual(len(manifests_of(asked, "PUT", by_tag=True)), 5)
        self.assertEqual(len(manifests_of(asked, "PUT", by_tag=False)), 3)
        self.assertEqual(len([r for r in asked if r.method == "PUT" and "/blobs/" in r.path]), len(image.blobs))
        asked = self.source.requests()
        blobs = Counter(request.path for request in asked if request.method == "GET" and "/blobs/" in request.path)
        self.assertEqual(sorted(blobs.values()), [1] * len(image.blobs))
        self.assertEqual(len(manifests_of(asked, "GET", by_tag=False)), 3)

    def test_dry_run(self):
        self.replicate(self.source, self.destination, "--include-repo", "repo00*")
        before = tags_of(self.destination)
        self.contents["repo001", "v1"] = small("moved")
        fill(self.source, self.contents)
        self.marked()
        report = self.replicate(self.source, self.destination, "--dry-run", "--include-repo", "repo0[01]*")
        self.assertTrue(report["dry_run"])
        self.assertEqual((report["totals"]["planned"], report["totals"]["equal"]), (31, 29))
        self.assertEqual(outcomes(report)["repo001:v1"], "planned")
        self.assertEqual(self.destination.requests(writes=True), [])
        self.assertEqual(self.source.requests(path="/blobs/"), [])
        self.assertEqual(tags_of(self.destination), before)
        text = self.replicate_text(self.source, self.destination, "--dry-run", "--include-repo", "repo001").stdout
        self.assertIn("copy repo001:v1", text)
        self.assertIn("1 to copy, 2 already equal", text)

    def test_text_and_report(self):
        path = self.directory / "report.json"
        result = self.replicate_text(self.source, self.destination, "--report", path, "--include-repo", "repo00[0-4]")
        self.assertIn("5 repositories (32 more skipped by filter), 15 tags: 15 copied", result.stdout)
        self.assertEqual(result.stderr, "")
        report = read_report(path)
        self.assert_adds_up(report)
        totals, performance = report["totals"], report["performance"]
        self.assertEqual((totals["repositories"], totals["repositories_skipped"], totals["copied"]), (5, 32, 15))
        moved = {d: data for (name, _), image in self.contents.items() if name < "repo005" and name.startswith("repo")
                 for d, data in image.blobs.items()}
        self.assertEqual(performance["bytes_copied"], sum(map(len, moved.values())))
        self.assertEqual(performance["blobs"]["copied"], len(moved))
        self.assertEqual(sum(entry["bytes"] for entry in report["references"]), performance["bytes_copied"])
        self.assertGreater(performance["tags_per_second"], 0)
        self.assertGreater(performance["peak_rss_bytes"], 1 << 20)
        patterns = performance["patterns"]
        self.assertEqual((patterns["compiled"], patterns["reused"]), (1, 0))
        # The pattern took five repositories; nothing decided of the 32 others and of 15 tags.
        self.assertEqual({tier: count for tier, count in patterns["decisions"].items() if count}, {"glob": 5, "none": 32 + 15})


class Economy(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()

    def test_requests_per_new_image(self):
        contents = {("app", f"v{number}"): small(number) for number in range(200)}
        fill(self.source, contents)
        for registry in (self.source, self.destination):
            registry.mark()
        self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, contents)
        self.assertLessEqual(len(without_overview(self.source.requests())), 4 * 200)
        self.assertLessEqual(len(without_overview(self.destination.requests())), 8 * 200)
        self.assertEqual(manifests_of(self.destination.requests(), "HEAD"), [])

    def test_both_sides_of_a_tag_are_asked_at_the_same_time(self):
        contents = fleet(1, 3)
        for command in ("replicate-tree", "check"):
            with self.subTest(command=command):
                source, destination = self.scripted(), self.scripted()
                for registry in (source, destination):
                    fill(registry, contents)
                hold = faults.Hold()
                self.addCleanup(hold.release)
                destination.rule("HEAD", "/manifests/", hold)
                run = self.program.start(*self.arguments(source, destination, "--jobs", "1", command=command))
                process.wait_until(lambda: source.requests("HEAD", "/manifests/"), 20)
                hold.release()
                self.assertEqual(run.wait(60).exit_code, 0)
                for registry in (source, destination):
                    self.assertEqual(len(registry.requests("HEAD", "/manifests/")), len(contents))

    def test_one_request_at_a_time_within_one_registry(self):
        registry = self.scripted()
        fill(registry, {(f"{side}/app", f"v{number}"): small(number) for side in ("from", "to") for number in range(5)})
        registry.rule("HEAD", "/manifests/", faults.Delay(0.1))
        self.replicate(f"{registry.host}/from", f"{registry.host}/to", "--jobs-per-host", "1")
        times = sorted(request.started for request in registry.requests("HEAD", "/manifests/"))
        self.assertEqual(len(times), 10)
        self.assertGreaterEqual(min(later - sooner for sooner, later in zip(times, times[1:])), 0.1)

    def test_a_layer_shared_by_many_repositories_moves_once(self):
        base = images.single("base", layers=1, layer_size=2_000_000)
        digest = base.document["layers"][0]["digest"]
        contents = {}
        for number in range(20):
            image = small(f"app {number}", layers=1)
            document = image.document
            document["layers"].insert(0, image.add_blob(images.OCI_LAYER, base.blobs[digest]))
            image.manifests.clear()
            image.add_manifest(images.OCI_MANIFEST, document)
            contents[f"app{number}", "v1"] = image
        fill(self.source, contents)
        for registry in (self.source, self.destination):
            registry.mark()
        report = self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, contents)
        self.assertEqual(len(self.source.requests(method="GET", path=digest)), 1)
        puts = [request for request in self.destination.requests(method="PUT") if digest[7:] in request.query]
        self.assertEqual(len(puts), 1)
        mounts = [request for request in self.destination.requests(method="POST", status=201)
                  if digest[7:] in request.query and not is_self_mount(request)]
        self.assertEqual(len(mounts), 19)
        self.assertEqual(report["performance"]["blobs"]["mounted"], 19)
        self.assertEqual(self.destination.uploads_left(), [])

    def test_a_tree_within_one_registry(self):
        contents = {("from/app", f"v{number}"): small(number) for number in range(10)}
        fill(self.source, contents)
        self.source.mark()
        self.replicate(f"{self.source.host}/from", f"{self.source.host}/to")
        self.assertEqual([r for r in self.source.requests(path="/blobs/") if r.method in ("GET", "PUT", "PATCH")], [])
        for (_, tag), image in contents.items():
            self.assert_whole(self.source, "to/app", tag, image)

    def test_a_mirror_that_has_the_blobs_gets_manifests_only(self):
        image = small(1)
        fill(self.source, {("app", "v1"): image})
        fill(self.destination, {("app", "other"): image})
        self.destination.mark()
        self.replicate(self.source, self.destination)
        self.assertEqual(len(self.destination.requests(method="PUT")), 1)
        self.assert_whole(self.destination, "app", "v1", image)

    def test_a_request_limit_for_one_host(self):
        fill(self.source, {("app", f"v{number}"): small(number) for number in range(10)})
        report = self.replicate(self.source, self.destination, "--requests-per-second", f"{self.source.host}=20")
        asked = len(manifests_of(self.source.requests(), "GET"))
        self.assertEqual(asked, 10)
        self.assertGreaterEqual(report["duration_ms"], 400)

    def test_a_bandwidth_limit(self):
        image = images.single(layers=4, layer_size=500_000)
        fill(self.source, {("app", "v1"): image})
        report = self.replicate(self.source, self.destination, "--bandwidth-limit", "1MiB")
        self.assertGreaterEqual(report["duration_ms"], 900)
        self.assert_whole(self.destination, "app", "v1", image)


class Overwrite(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        self.new = {("app", "same"): small("same"), ("app", "moved"): small("new"), ("app", "extra"): small("extra")}
        self.old = {("app", "same"): small("same"), ("app", "moved"): small("old")}
        fill(self.source, self.new)
        fill(self.destination, self.old)

    def test_changed_is_the_default(self):
        self.replicate(self.source, self.destination)
        self.assert_tree(self.destination, self.new)

    def test_never_keeps_and_tells(self):
        report = self.replicate(self.source, self.destination, "--overwrite", "never", code=PARTIAL)
        self.assertEqual(outcomes(report), {"app:same": "equal", "app:moved": "kept", "app:extra": "copied"})
        self.assertEqual(by_reference(report)["app:moved"]["reason"], "overwrite-never")
        self.assert_tree(self.destination, {**self.new, ("app", "moved"): self.old["app", "moved"]})
        result = self.replicate_text(self.source, self.destination, "--overwrite", "never", code=PARTIAL)
        self.assertIn("kept app:moved", result.stdout)

    def test_always_writes_every_tag(self):
        self.destination.mark()
        self.replicate(self.source, self.destination, "--overwrite", "always")
        self.assertEqual(len(manifests_of(self.destination.requests(), "PUT", by_tag=True)), 3)
        self.assert_tree(self.destination, self.new)


class Closure(TreeCase):
    def test_one_platform(self):
        source, destination = self.registry(), self.registry()
        image, plain = images.multi_arch(), small("plain")
        fill(source, {("app", "v1"): image, ("app", "plain"): plain})
        arm = image.document["manifests"][1]
        self.replicate(source, destination, "--platform", "linux/arm64", "--include-tag", "v1")
        self.assertEqual(tags_of(destination), {("app", "v1"): arm["digest"]})
        self.assert_every_tag_is_whole(destination)
        destination.mark()
        report = self.replicate(source, destination, "--platform", "linux/arm64", "--include-tag", "v1")
        self.assertEqual(report["totals"]["equal"], 1)
        self.assertEqual(destination.requests(writes=True), [])

    def test_referrers(self):
        image = images.multi_arch()
        signature = images.referrer(image, seed=1)
        cosign = small("cosign")
        for api_source, api_destination in ((True, True), (True, False), (False, True), (False, False)):
            with self.subTest(source=api_source, destination=api_destination):
                source = self.scripted(referrers=api_source)
                destination = self.scripted(referrers=api_destination)
                source.load(image, "app", "v1")
                source.load(signature, "app")
                source.load(cosign, "app", image.digest.replace(":", "-") + ".sig")
                if not api_source:
                    fallback = images.index_of([signature])
                    source.load(fallback, "app", image.digest.replace(":", "-"))
                self.replicate(source, destination, "--referrers", "--include-tag", "v1")
                self.assert_whole(destination, "app", "v1", image)
                self.assertIn(signature.digest, destination.repository("app").manifests)
                self.assert_whole(destination, "app", image.digest.replace(":", "-") + ".sig", cosign)
                fallback = image.digest.replace(":", "-") in destination.repository("app").tags
                self.assertEqual(fallback, not api_destination)
                self.assert_every_tag_is_whole(destination)
                before = len(destination.journal)
                report = self.replicate(source, destination, "--referrers", "--include-tag", "v1")
                self.assertEqual(report["totals"]["equal"], 1)
                self.assertEqual([r for r in destination.requests(since=before) if r.writes], [])

    def test_without_referrers_digest_tags_are_ordinary_tags(self):
        image, signature = small(1), small("signature")
        tag = image.digest.replace(":", "-") + ".sig"
        contents = {("app", "v1"): image, ("app", tag): signature}
        source, destination, third = self.registry(), self.registry(), self.registry()
        fill(source, contents)
        self.replicate(source, destination)
        self.assert_tree(destination, contents)
        self.replicate(source, third, "--skip-digest-tags")
        self.assert_tree(third, {("app", "v1"): image})


class Tokens(TreeCase):
    def test_one_token_per_scope(self):
        server = self.token_server(users={"ci": "s3cret"}, grants={"ci": [("*", "pull,push,delete,*")]})
        source, destination = self.registry(token=server.registry_settings()), self.registry(token=server.registry_settings())
        contents = fleet(6, 4)
        fill(source, contents)
        password = self.directory / "password"
        password.write_text("s3cret\n")
        password.chmod(0o600)
        options = ("--src-username", "ci", "--src-password-file", password,
                   "--dest-username", "ci", "--dest-password-file", password)
        for code in ("copied", "equal"):
            before = len(server.journal)
            report = self.replicate(source, destination, *options)
            self.assertEqual(report["totals"][code], 24)
            asked = Counter(tuple(sorted(request.scopes)) for request in server.journal[before:])
            reads = {scopes: count for scopes, count in asked.items() if not any("push" in scope for scope in scopes)}
            # Both registries name the same service, so a scope may be asked for once for each of them.
            self.assertTrue(all(count <= 2 for count in reads.values()), asked)
            self.assertTrue(all(count == 1 for scopes, count in asked.items() if scopes not in reads), asked)
            self.assertLessEqual(sum(asked.values()), 2 * 6 + 2, asked)
        self.assert_tree(destination, contents)

    def test_wrong_credentials(self):
        registry, destination = self.registry(users={"ci": "s3cret"}), self.registry()
        self.write_json(self.directory / "auth.json", {"auths": {registry.host: {"auth": "Y2k6d3Jvbmc="}}})
        self.replicate(registry, destination, "--authfile", self.directory / "auth.json", code=AUTHENTICATION)
        self.assertEqual(tags_of(destination), {})


if __name__ == "__main__":
    unittest.main()
