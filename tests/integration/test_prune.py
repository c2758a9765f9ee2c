"""--delete-extra: what goes, what stays, and when nothing goes at all."""

import unittest

from support import client, faults, images
from support.case import PARTIAL, TEMPORARY
from support.tree import SAFETY_LIMIT, TreeCase, by_reference, fill, outcomes, small, tags_of


def name_of(image, suffix=""):
    return image.digest.replace(":", "-") + suffix


def first_child(index):
    child = images.Image(dict(index.root), dict(index.manifests), dict(index.blobs))
    descriptor = index.document["manifests"][0]
    child.root = {key: descriptor[key] for key in ("mediaType", "digest", "size")}
    return child


class PruneCase(TreeCase):
    ALL = ("--delete-extra", "--max-deletes", "100%")

    def deletes(self, registry, since=0):
        return [request.path for request in registry.requests("DELETE", since=since)]

    def assert_tags(self, registry, *tags, repository="app"):
        self.assertEqual({tag for name, tag in tags_of(registry) if name == repository}, set(tags))
        self.assert_every_tag_is_whole(registry)

    def both(self, kept, extra, **options):
        """A source with `kept` and a destination with `kept` and `extra`, of repository app."""
        source, destination = self.scripted(), self.scripted(**options)
        for tag, image in kept.items():
            source.load(image, "app", tag)
            destination.load(image, "app", tag)
        for tag, image in extra.items():
            destination.load(image, "app", tag)
        return source, destination


class ByTag(PruneCase):
    def setUp(self):
        super().setUp()
        self.kept = {f"v{number}": small(number) for number in range(20)}
        self.source, self.destination = self.both(self.kept, {"old": small("old"), "same": self.kept["v1"]})

    def test_without_the_option_nothing_goes(self):
        self.replicate(self.source, self.destination)
        self.assert_tags(self.destination, *self.kept, "old", "same")
        self.assertEqual(self.deletes(self.destination), [])

    def test_extra_tags_go_by_tag(self):
        report = self.replicate(self.source, self.destination, "--delete-extra")
        self.assert_tags(self.destination, *self.kept)
        self.assertEqual(sorted(self.deletes(self.destination)), ["/v2/app/manifests/old", "/v2/app/manifests/same"])
        self.assertEqual(report["totals"]["deleted"], 2)
        self.assertEqual(by_reference(report)["app:old"]["reason"], "extra")
        report = self.replicate(self.source, self.destination, "--delete-extra")
        self.assertEqual(report["totals"]["deleted"], 0)

    def test_text(self):
        result = self.replicate_text(self.source, self.destination, "--delete-extra")
        self.assertIn("deleted app:old\n", result.stdout)
        self.assertIn("2 deleted", result.stdout)

    def test_a_dry_run_shows_it(self):
        report = self.replicate(self.source, self.destination, "--delete-extra", "--dry-run")
        self.assertEqual({name for name, outcome in outcomes(report).items() if outcome == "planned-delete"},
                         {"app:old", "app:same"})
        self.assertIn("delete app:old\n", self.replicate_text(self.source, self.destination, "--delete-extra", "-n").stdout)
        self.assertEqual([r.target for r in self.destination.journal if r.writes], [])
        self.assert_tags(self.destination, *self.kept, "old", "same")

    def test_a_tag_that_is_gone_already(self):
        tags = self.destination.repository("app").tags
        self.destination.rule("DELETE", "/manifests/old", faults.Call(lambda _: tags.pop("old", None)))
        self.replicate(self.source, self.destination, "--delete-extra")
        self.assert_tags(self.destination, *self.kept)

    def test_a_registry_that_answers_404_to_a_delete_by_tag(self):
        """So the tag is there all the same, and goes by its digest."""
        self.destination.rule("DELETE", "/manifests/(old|same)$", faults.status(404))
        report = self.replicate(self.source, self.destination, "--delete-extra", code=PARTIAL)
        self.assert_tags(self.destination, *self.kept, "same")
        self.assertIn("can't untag here", by_reference(report)["app:same"]["error"])

    def test_a_delete_that_is_refused_is_a_failure(self):
        self.destination.rule("DELETE", "/manifests/", faults.status(403))
        self.source.load(small("new"), "app", "new")
        report = self.replicate(self.source, self.destination, "--delete-extra", code=PARTIAL)
        self.assertEqual(outcomes(report)["app:new"], "copied")
        self.assertEqual(by_reference(report)["app:old"]["error_class"], "denied")
        self.assertEqual(report["totals"]["failed"], 2)

    def test_tags_that_the_name_filters_leave_out_are_not_touched(self):
        self.replicate(self.source, self.destination, *self.ALL, "--include-tag", "v*")
        self.replicate(self.source, self.destination, *self.ALL, "--exclude-tag", "{old,same}")
        self.replicate(self.source, self.destination, *self.ALL, "--exclude-repo", "app")
        self.assert_tags(self.destination, *self.kept, "old", "same")
        self.replicate(self.source, self.destination, *self.ALL, "--include-tag", "o*")
        self.assert_tags(self.destination, *self.kept, "same")

    def test_latest_makes_older_ones_extra(self):
        self.replicate(self.source, self.destination, *self.ALL, "--include-tag", "v*", "--latest", "3")
        self.assert_tags(self.destination, "v17", "v18", "v19", "old", "same")

    def test_a_failed_copy_does_not_make_its_tag_extra(self):
        self.source.load(small("moved"), "app", "v3")
        self.source.rule("GET", "/manifests/v3$", faults.status(500))
        self.replicate(self.source, self.destination, *self.ALL, "--retries", "1", code=PARTIAL)
        self.assert_tags(self.destination, *self.kept)
        self.assert_whole(self.destination, "app", "v3", self.kept["v3"])


class Limits(PruneCase):
    def setUp(self):
        super().setUp()
        self.kept = {f"v{number}": small(number) for number in range(20)}
        self.extra = {f"x{number}": small(f"x {number}") for number in range(5)}
        self.source, self.destination = self.both(self.kept, self.extra)

    def test_more_than_a_tenth_deletes_nothing(self):
        self.source.load(small("new"), "app", "new")
        result = self.program.run(*self.arguments(self.source, self.destination, "--delete-extra"))
        self.assertEqual(result.exit_code, SAFETY_LIMIT, result)
        self.check_run(result)
        for word in ("--max-deletes", "5 of", "nothing"):
            self.assertIn(word, result.stderr)
        self.assertEqual(self.deletes(self.destination), [])
        self.assert_tags(self.destination, *self.kept, *self.extra, "new")

    def test_limits(self):
        for limit, code in (("4", SAFETY_LIMIT), ("0", SAFETY_LIMIT), ("19%", SAFETY_LIMIT), ("5", 0)):
            with self.subTest(limit=limit):
                self.replicate(self.source, self.destination, "--delete-extra", "--max-deletes", limit, code=code)
                self.assertEqual(len(self.deletes(self.destination)), 5 if code == 0 else 0)
        self.assert_tags(self.destination, *self.kept)

    def test_a_dry_run_tells_the_limit_too(self):
        self.replicate(self.source, self.destination, "--delete-extra", "--dry-run", code=SAFETY_LIMIT)

    def test_one_may_always_go(self):
        source, destination = self.both({"v1": small(1)}, {"old": small("old")})
        self.replicate(source, destination, "--delete-extra")
        self.assert_tags(destination, "v1")

    def test_an_empty_source_does_not_empty_the_destination(self):
        empty = self.scripted()
        empty.load(small(1), "app", "v1")
        empty.repository("app").tags.clear()
        self.replicate(empty, self.destination, "--delete-extra", code=SAFETY_LIMIT)
        self.assert_tags(self.destination, *self.kept, *self.extra)


class Listings(PruneCase):
    def setUp(self):
        super().setUp()
        self.kept = {f"v{number}": small(number) for number in range(20)}
        self.source, self.destination = self.both(self.kept, {"old": small("old")})
        for registry in (self.source, self.destination):
            registry.load(small("other"), "other", "v1")
            registry.load(small("third"), "third", "v1")
        self.destination.load(small("extra"), "other", "old")

    def assert_nothing_goes(self, rule, code, words="nothing is deleted"):
        """In a run that meets the rule; then it is gone."""
        result = self.program.run(*self.arguments(self.source, self.destination, *self.ALL, "--retries", "1"))
        self.assertEqual(result.exit_code, code, result)
        self.assertIn(words, result.stderr, result)
        self.assertEqual(self.deletes(self.destination), [])
        self.assertGreater(rule.hits, 0)
        self.source.rules.clear()
        self.destination.rules.clear()

    def test_a_list_that_fails_deletes_nothing_anywhere(self):
        """Where the destination refuses a list its tags are asked for one by one, and no copy fails: the run is no success all
        the same."""
        for side, status, code in (("source", 500, PARTIAL), ("destination", 500, PARTIAL), ("source", 403, PARTIAL),
                                   ("destination", 403, PARTIAL)):
            with self.subTest(side=side, status=status):
                rule = getattr(self, side).rule("GET", "/third/tags/list", faults.status(status))
                self.assert_nothing_goes(rule, code)

    def test_a_second_page_that_fails_deletes_nothing_anywhere(self):
        """Then all is listed, all that is extra goes, and then there is no more to do."""
        for side in ("source", "destination"):
            with self.subTest(side=side):
                getattr(self, side).behaviour.page_size = 7
                rule = getattr(self, side).rule("GET", "/app/tags/list", faults.status(500))
                applies = rule.applies
                rule.applies = lambda request, applies=applies: request.argument("last") is not None and applies(request)
                self.assert_nothing_goes(rule, PARTIAL)
        for deleted in (2, 0):
            self.assertEqual(self.replicate(self.source, self.destination, *self.ALL)["totals"]["deleted"], deleted)
        self.assert_tags(self.destination, *self.kept)

    def test_a_catalog_that_fails_deletes_nothing(self):
        for side in ("source", "destination"):
            with self.subTest(side=side):
                rule = getattr(self, side).rule("GET", "_catalog", faults.status(500))
                self.assert_nothing_goes(rule, TEMPORARY, words="catalog")

    def test_a_repository_that_is_gone_at_the_source(self):
        self.destination.load(small("gone"), "gone", "v1")
        self.destination.load(small("gone too"), "gone", "v2")
        report = self.replicate(self.source, self.destination, *self.ALL)
        self.assertEqual(report["totals"]["deleted"], 4)
        self.assertEqual(by_reference(report)["gone:v1"]["outcome"], "deleted")
        self.assert_tags(self.destination, repository="gone")
        self.assert_tags(self.destination, *self.kept)

    def test_what_lies_outside_the_prefix_or_the_names_stays(self):
        self.destination.load(small("gone"), "gone", "v1")
        self.replicate(self.source, self.destination, *self.ALL, "--repo", "app")
        self.assert_tags(self.destination, "v1", "old", repository="other")
        self.replicate(self.source, f"{self.destination.host}/mirror", *self.ALL)
        self.assert_tags(self.destination, "v1", repository="gone")
        self.replicate(self.source, self.destination, *self.ALL, "--include-repo", "o*")
        self.assert_tags(self.destination, "v1", repository="gone")
        self.assert_tags(self.destination, "v1", repository="other")

    def test_a_run_that_is_cut_short_deletes_nothing(self):
        self.source.load(small("new"), "app", "new")
        self.source.rule("GET", "/manifests/new$", faults.status(404))
        self.replicate(self.source, self.destination, *self.ALL, "--fail-fast", code=PARTIAL)
        self.assertEqual(self.deletes(self.destination), [])


class Signatures(PruneCase):
    def setUp(self):
        super().setUp()
        self.image, self.old = small("image"), small("old")
        tags = {"v1": self.image, **{f"w{number}": small(number) for number in range(5)}}
        extra = {"old": self.old, name_of(self.old, ".sig"): small("old sig"), name_of(self.image, ".sig"): small("sig"),
                 name_of(self.image): images.index_of([small("referrers")])}
        self.source, self.destination = self.both(tags, extra)
        self.tags = tags

    def test_signatures_follow_their_image(self):
        """Those of an image that stays are not extra, though the source does not have them; those of one that goes go."""
        self.replicate(self.source, self.destination, *self.ALL)
        self.assert_tags(self.destination, *self.tags, name_of(self.image, ".sig"), name_of(self.image))

    def test_signatures_of_children_stay_with_the_index(self):
        index = images.multi_arch()
        child = index.document["manifests"][1]["digest"].replace(":", "-")
        for registry in (self.source, self.destination):
            registry.load(index, "app", "multi")
        self.destination.load(small("child sig"), "app", child + ".att")
        self.replicate(self.source, self.destination, *self.ALL)
        self.assertIn(child + ".att", self.destination.repository("app").tags)

    def test_signatures_that_came_with_their_image_go_with_it(self):
        """--referrers brings them past the name filters, so these do not hold them back; those of others stay."""
        sbom, stranger, outside = name_of(self.old, ".sbom"), small("stranger"), small("outside")
        self.destination.load(small("sbom"), "app", sbom)
        self.destination.load(small("sbom sig"), "app", name_of(small("sbom"), ".sig"))
        self.destination.load(stranger, "app", name_of(small("nobody"), ".sig"))
        self.destination.load(outside, "app", "main")
        self.destination.load(small("outside sig"), "app", name_of(outside, ".sig"))
        here = set(self.destination.repository("app").tags)
        filters = ("--include-tag", "[vwo]*")
        self.replicate(self.source, self.destination, *self.ALL, *filters, "--dry-run", "--referrers")
        self.assert_tags(self.destination, *here)
        self.replicate(self.source, self.destination, *self.ALL, *filters, "--referrers")
        gone = {"old", name_of(self.old, ".sig"), sbom, name_of(small("sbom"), ".sig")}
        self.assert_tags(self.destination, *here - gone)

    def test_without_referrers_filtered_signatures_stay(self):
        self.replicate(self.source, self.destination, *self.ALL, "--include-tag", "[vwo]*")
        self.assertIn(name_of(self.old, ".sig"), self.destination.repository("app").tags)

    def test_where_the_image_can_not_go_its_signature_stays(self):
        self.destination.rule("DELETE", "/manifests/old$", faults.status(403))
        self.replicate(self.source, self.destination, *self.ALL, code=PARTIAL)
        self.assertIn(name_of(self.old, ".sig"), self.destination.repository("app").tags)


class ByDigest(PruneCase):
    """docker-registry 2.8.2: no DELETE by tag, so a digest goes, and only one that nothing else needs."""

    def prune(self, kept, extra, code=0, **options):
        source, destination = self.registry(), self.registry(**options)
        fill(source, {("app", tag): image for tag, image in kept.items()})
        fill(destination, {("app", tag): image for tag, image in {**kept, **extra}.items()})
        destination.mark()
        report = self.replicate(source, destination, *self.ALL, code=code)
        self.assert_every_tag_is_whole(destination)
        for tag, image in kept.items():
            self.assert_whole(destination, "app", tag, image)
        return destination, report

    def assert_cant_untag(self, report, *tags):
        for tag in tags:
            entry = by_reference(report)[f"app:{tag}"]
            self.assertEqual((entry["outcome"], entry["error_class"]), ("failed", "denied"))
            self.assertIn("can't untag here", entry["error"])

    def test_what_nobody_needs_goes(self):
        destination, report = self.prune({"v1": small(1)}, {"old": small("old"), "multi": images.multi_arch()})
        self.assertEqual(client.RegistryClient(destination.url).tags("app"), ["v1"])
        self.assertEqual(report["totals"]["deleted"], 2)

    def test_several_extra_tags_of_one_digest(self):
        old = small("old")
        destination, report = self.prune({"v1": small(1)}, {"a": old, "b": old, "c": old})
        self.assertEqual(client.RegistryClient(destination.url).tags("app"), ["v1"])
        self.assertEqual(report["totals"]["deleted"], 3)

    def test_a_digest_that_a_kept_tag_names(self):
        image = small(1)
        destination, report = self.prune({"v1": image}, {"same": image, "old": small("old")}, code=PARTIAL)
        self.assert_cant_untag(report, "same")
        self.assertEqual(set(client.RegistryClient(destination.url).tags("app")), {"v1", "same"})

    def test_a_child_of_a_kept_index_at_any_depth(self):
        index = images.multi_arch()
        child = first_child(index)
        outer = images.index_of([index])
        destination, report = self.prune({"multi": outer}, {"amd64": child, "inner": index}, code=PARTIAL)
        self.assert_cant_untag(report, "amd64", "inner")
        self.assertEqual([r.path for r in destination.requests(method="DELETE", status=202)], [])

    def test_the_subject_of_a_kept_referrer(self):
        subject = small("subject")
        signature = images.referrer(subject)
        destination, report = self.prune({"signature": signature}, {"subject": subject}, code=PARTIAL)
        self.assert_cant_untag(report, "subject")
        self.assert_whole(destination, "app", "subject", subject)

    def test_a_kept_image_that_a_kept_referrer_has_named_before(self):
        """The referrer's tag sorts before the index whose child is extra."""
        index = images.multi_arch()
        child = first_child(index)
        kept = {"a-signature": images.referrer(index), "multi": index}
        destination, report = self.prune(kept, {"amd64": child}, code=PARTIAL)
        self.assert_cant_untag(report, "amd64")

    def test_a_child_of_a_kept_subject(self):
        """The index has no tag that stays, and is needed all the same."""
        index = images.multi_arch()
        child = first_child(index)
        destination, report = self.prune({"signature": images.referrer(index)}, {"multi": index, "amd64": child}, code=PARTIAL)
        self.assert_cant_untag(report, "amd64", "multi")

    def test_deletion_switched_off(self):
        destination, report = self.prune({"v1": small(1)}, {"old": small("old")}, code=PARTIAL, delete=False)
        entry = by_reference(report)["app:old"]
        self.assertEqual((entry["outcome"], entry["error_class"]), ("failed", "denied"))
        self.assertEqual(set(client.RegistryClient(destination.url).tags("app")), {"v1", "old"})

    def test_the_scripted_registry_agrees(self):
        """405 by tag, as some registries answer, and a digest that is shared."""
        image = small(1)
        source, destination = self.both({"v1": image, "v2": small(2)}, {"same": image, "old": small("old")}, delete="digest")
        self.replicate(source, destination, *self.ALL, code=PARTIAL)
        self.assert_tags(destination, "v1", "v2", "same")


if __name__ == "__main__":
    unittest.main()
