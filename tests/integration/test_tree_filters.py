"""Which tags of a tree are taken: patterns, versions, dates; and what the choice costs."""

import datetime
import json
import unittest

from support import images
from support.case import NOT_FOUND, USAGE
from support.tree import TreeCase, by_reference, fill, small, tags_of

TAGS = ("latest", "edge", "v1.0.0", "v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v2.0.0", "1.2-alpine", "nightly-9", "nightly-10")


class FiltersCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        fill(self.source, {("app", tag): small(tag) for tag in TAGS})
        fill(self.source, {("team/web", "v1.0.0"): small("web"), ("team/web", "latest"): small("web 2")})

    def select(self, *options, repository="app"):
        """The tags that arrive in a fresh destination."""
        destination = self.scripted()
        report = self.replicate(self.source, destination, *options)
        arrived = tags_of(destination)
        self.assertEqual(arrived, {key: digest for key, digest in tags_of(self.source).items() if key in arrived})
        self.assert_every_tag_is_whole(destination)
        self.assertEqual(report["totals"]["copied"], len(arrived))
        return {tag for name, tag in arrived if name == repository}


class Patterns(FiltersCase):
    def test_tags(self):
        table = (
            (("--include-tag", "v[0-9]*"), {"v1.0.0", "v1.2.0", "v1.10.0", "v2.0.0-rc.1", "v2.0.0"}),
            (("--include-tag", "v*", "--exclude-tag", "*-rc*"), {"v1.0.0", "v1.2.0", "v1.10.0", "v2.0.0"}),
            (("--include-tag", "latest", "--include-tag", "edge"), {"latest", "edge"}),
            (("--exclude-tag", "v*", "--exclude-tag", "nightly-?"), {"latest", "edge", "1.2-alpine", "nightly-10"}),
            (("--include-tag", "{edge,nightly-*}"), {"edge", "nightly-9", "nightly-10"}),
            (("--include-tag", r"re:v\d+\.0\.0"), {"v1.0.0", "v2.0.0"}),
            (("--include-tag", "semver:^1.2"), {"v1.2.0", "v1.10.0"}),
            (("--include-tag", "semver:>=2.0.0-rc.1"), {"v2.0.0-rc.1", "v2.0.0"}),
            (("--include-tag", "semver:~1.2.0 || 2"), {"v1.2.0", "v2.0.0"}),
            (("--include-tag", "[!v]*"), {"latest", "edge", "1.2-alpine", "nightly-9", "nightly-10"}),
            (("--latest", "3"), {"v1.10.0", "v2.0.0-rc.1", "v2.0.0"}),
            (("--latest", "2", "--exclude-tag", "v*"), {"nightly-10", "1.2-alpine"}),
            (("--include-tag", "nightly-*", "--latest", "1"), {"nightly-10"}),
            (("--include-tag", "none"), set()),
        )
        for options, expected in table:
            with self.subTest(options=options):
                self.assertEqual(self.select(*options), expected)

    def test_repositories(self):
        fill(self.source, {("team/web/deep", "v1"): small("deep"), ("other", "v1"): small("other")})
        table = (
            (("--include-repo", "team/*"), {"team/web"}),
            (("--include-repo", "team/**"), {"team/web", "team/web/deep"}),
            (("--exclude-repo", "**/deep", "--exclude-repo", "app"), {"team/web", "other"}),
            (("--include-repo", "{app,other}", "--exclude-repo", "o*"), {"app"}),
            (("--include-repo", "re:.*e.*", "--exclude-repo", "team/**"), {"other"}),
        )
        for options, expected in table:
            with self.subTest(options=options):
                destination = self.scripted()
                report = self.replicate(self.source, destination, *options)
                self.assertEqual({name for name, _ in tags_of(destination)}, expected)
                self.assertEqual(report["totals"]["repositories"], len(expected))
                self.assertEqual(report["totals"]["repositories_skipped"], 4 - len(expected))

    def test_what_is_left_out_is_counted_and_costs_nothing(self):
        destination = self.scripted()
        report = self.replicate(self.source, destination, "--include-tag", "v1.0.0", "--exclude-repo", "team/**")
        totals = report["totals"]
        self.assertEqual((totals["tags"], totals["copied"], totals["skipped_by_filter"]), (len(TAGS), 1, len(TAGS) - 1))
        self.assertEqual(len(self.source.requests("GET|HEAD", "/manifests/")), 1)
        self.assertEqual(self.source.requests(path="team/web"), [])

    def test_bad_patterns_are_refused_before_any_traffic(self):
        destination = self.scripted()
        for options in (("--include-tag", "v[0-9"), ("--exclude-tag", "re:(?!v).*"), ("--include-tag", "semver:>=1.y"),
                        ("--include-repo", "{a,b"), ("--exclude-repo", "re:("), ("--immutable-tag", "[]")):
            with self.subTest(options=options):
                self.refuse_tree(USAGE, self.source, destination, *options, words=(f'"{options[1]}"', "position"))
        for options in (("--include-tag", ""), ("--latest", "0"), ("--latest", "-1"), ("--newer-than", "yesterday"),
                        ("--latest-by", "size"), ("--max-deletes", "-1")):
            with self.subTest(options=options):
                self.refuse_tree(USAGE, self.source, destination, *options, words=options[0])
        self.assertEqual(self.source.journal + destination.journal, [])

    def test_fail_on_empty(self):
        destination = self.scripted()
        for options in (("--include-tag", "none"), ("--include-repo", "none")):
            with self.subTest(options=options):
                result = self.replicate_text(self.source, destination, *options)
                self.assertTrue(result.stdout.strip(), "reported, at least")
                self.replicate(self.source, destination, *options, "--fail-on-empty", code=NOT_FOUND)
        self.replicate(self.source, destination, "--include-tag", "edge", "--fail-on-empty")

    def test_digest_tags_are_skipped_on_request(self):
        image = small("v1.0.0")
        name = image.digest.replace(":", "-")
        for suffix in ("", ".sig", ".att", ".sbom"):
            self.source.load(small(f"signature {suffix}"), "app", name + suffix)
        self.assertEqual(self.select("--skip-digest-tags"), set(TAGS))
        self.assertEqual(self.select(), set(TAGS) | {name + suffix for suffix in ("", ".sig", ".att", ".sbom")})


class Immutable(FiltersCase):
    def test_an_immutable_tag_costs_no_request(self):
        source, destination = self.registry(), self.registry()
        contents = {("app", tag): small(tag) for tag in TAGS}
        fill(source, contents)
        self.replicate(source, destination)
        for registry in (source, destination):
            registry.mark()
        report = self.replicate(source, destination, "--immutable-tag", "v*", "--immutable-tag", "semver:*")
        entries = by_reference(report)
        immutable = {tag for tag in TAGS if tag.startswith("v")}
        for tag in TAGS:
            self.assertEqual(entries[f"app:{tag}"]["outcome"], "equal")
            self.assertEqual(entries[f"app:{tag}"]["reason"], "immutable" if tag in immutable else "same-digest")
        for registry in (source, destination):
            asked = {request.path.rsplit("/")[-1] for request in registry.requests(path="/manifests/")}
            self.assertEqual(asked & immutable, set())
            self.assert_cheap(registry, heads=len(TAGS) - len(immutable))

    def test_all_immutable(self):
        destination = self.scripted()
        self.replicate(self.source, destination)
        since = len(self.source.journal), len(destination.journal)
        self.replicate(self.source, destination, "--immutable-tag", "*")
        for registry, start in zip((self.source, destination), since):
            self.assertEqual(registry.requests(path="/(manifests|blobs)/", since=start), [])

    def test_one_that_is_missing_is_copied(self):
        destination = self.scripted()
        self.replicate(self.source, destination, "--include-tag", "v*")
        self.replicate(self.source, destination, "--immutable-tag", "*")
        self.assertEqual(tags_of(destination), tags_of(self.source))


class Dates(TreeCase):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        now = datetime.datetime.now(datetime.timezone.utc)
        self.ages = {"z-old": 400, "a-mid": 20, "m-young": 2}
        for tag, days in self.ages.items():
            created = (now - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.source.load(small(tag, created=created), "app", tag)
        child = small("index", created=now.strftime("%Y-%m-%dT%H:%M:%S.123456789Z"))
        self.source.load(images.index_of([child], platforms=["linux/amd64"]), "app", "b-index")
        self.today = now

    def select(self, *options):
        destination = self.scripted()
        self.replicate(self.source, destination, *options)
        self.assert_every_tag_is_whole(destination)
        return {tag for _, tag in tags_of(destination)}

    def test_newer_than(self):
        month = (self.today - datetime.timedelta(days=30)).strftime("%Y-%m-%d")
        for value, expected in (("30d", {"a-mid", "m-young", "b-index"}), ("72h", {"m-young", "b-index"}),
                                (month, {"a-mid", "m-young", "b-index"}), ("1h", {"b-index"}),
                                (f"{month}T12:00:00Z", {"a-mid", "m-young", "b-index"}), ("500d", {*self.ages, "b-index"})):
            with self.subTest(value=value):
                self.assertEqual(self.select("--newer-than", value), expected)

    def test_latest_by_created(self):
        self.assertEqual(self.select("--latest", "1", "--latest-by", "created"), {"b-index"})
        self.assertEqual(self.select("--latest", "3", "--latest-by", "created"), {"b-index", "m-young", "a-mid"})
        self.assertEqual(self.select("--latest", "1"), {"z-old"})

    def test_both(self):
        self.assertEqual(self.select("--latest", "1", "--newer-than", "30d"), {"m-young"})

    def test_reading_dates_does_not_read_layers(self):
        destination = self.scripted()
        self.replicate(self.source, destination, "--newer-than", "1h", "--dry-run")
        blobs = [request.path.rpartition("/")[2] for request in self.source.requests("GET", "/blobs/")]
        configs = {json.loads(data)["config"]["digest"] for _, data in self.source.repository("app").manifests.values()
                   if "config" in json.loads(data)}
        self.assertEqual(sorted(blobs), sorted(configs))

    def test_an_image_without_a_date(self):
        self.source.load(small("dateless"), "app", "dateless")
        self.source.load(images.artifact(), "app", "artifact")
        report = self.program.run(*self.arguments(self.source, self.scripted(), "--newer-than", "30d", "--output", "json"))
        self.assertIn(report.exit_code, (0, 3), report)
        self.assert_adds_up(report.json)


if __name__ == "__main__":
    unittest.main()
