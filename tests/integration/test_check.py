"""check: two trees are compared, and nothing is written."""

import json
import unittest

from support import client, faults, images
from support.case import AUTHENTICATION, NOT_FOUND, PARTIAL, TEMPORARY, USAGE
from support.tree import DIFFERS, TreeCase, by_reference, fill, fleet, outcomes, read_report, small, tags_of


class CheckCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.contents = fleet(4, 5)
        self.contents["multi", "v1"] = images.multi_arch()
        for registry in (self.source, self.destination):
            fill(registry, self.contents)

    def check(self, *options, code=0, source=None, destination=None):
        source, destination = source or self.source, destination or self.destination
        before = tags_of(self.destination)
        result = self.program.run(*self.arguments(source, destination, "--output", "json", *options, command="check"))
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        report = result.json
        self.assertEqual(report["exit_code"], code)
        self.assert_adds_up(report)
        self.assertEqual(tags_of(self.destination), before)
        self.assertEqual([r.target for side in (self.source, self.destination) for r in side.journal if r.writes], [])
        return report

    def text(self, *options, code):
        result = self.program.run(*self.arguments(self.source, self.destination, *options, command="check"))
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        return result.stdout


class Compare(CheckCase):
    def spoil(self):
        """One missing, one different, one extra tag, and a repository on each side that the other does not have."""
        del self.destination.repository("repo001").tags["v2"]
        self.destination.load(small("other"), "repo002", "v3")
        self.destination.load(small("extra"), "repo003", "extra")
        self.source.load(small("only here"), "source-only", "v1")
        self.destination.load(small("only there"), "destination-only", "v1")
        return {"repo001:v2": "missing", "repo002:v3": "different", "repo003:extra": "extra", "source-only:v1": "missing",
                "destination-only:v1": "extra"}

    def test_equal(self):
        report = self.check()
        self.assertEqual(report["totals"]["equal"], len(self.contents))
        self.assertEqual(set(outcomes(report).values()), {"equal"})
        self.assertIn(f"{len(self.contents)} equal, 0 missing, 0 different, 0 extra", self.text(code=0))

    def test_what_is_not_equal_is_named(self):
        expected = self.spoil()
        report = self.check(code=DIFFERS)
        self.assertEqual({name: outcome for name, outcome in outcomes(report).items() if outcome != "equal"}, expected)
        totals = report["totals"]
        self.assertEqual((totals["missing"], totals["different"], totals["extra"]), (2, 1, 2))
        text = self.text(code=DIFFERS)
        for name, outcome in expected.items():
            self.assertIn(f"{outcome} {name}", text)

    def test_each_alone_is_13(self):
        for name in ("missing", "different", "extra"):
            with self.subTest(kind=name):
                self.destination = self.scripted()
                fill(self.destination, self.contents)
                if name == "missing":
                    del self.destination.repository("repo001").tags["v2"]
                else:
                    self.destination.load(small("x"), "repo001", "v2" if name == "different" else "new")
                self.check(code=DIFFERS)

    def test_after_a_replication_all_is_equal(self):
        self.spoil()
        third = self.scripted()
        self.replicate(self.source, third)
        self.check(destination=third)

    def test_the_cost(self):
        """As a replication with nothing to do: a HEAD for each tag on each side."""
        source, destination = self.registry(), self.registry()
        for registry in (source, destination):
            fill(registry, self.contents)
            registry.mark()
        self.check(source=source, destination=destination)
        for registry in (source, destination):
            self.assert_cheap(registry, heads=len(self.contents))

    def test_the_same_filters_prefixes_and_maps(self):
        self.spoil()
        self.check("--include-repo", "repo000")
        self.check("--include-repo", "repo00[0-3]", "--include-tag", "v[014]")
        self.check("--exclude-repo", "{*-only,repo001,repo002}", "--exclude-tag", "extra")
        report = self.check("--include-repo", "repo001", "--latest", "3", code=DIFFERS)
        self.assertEqual(report["totals"]["skipped_by_filter"], 2)
        self.check("--repo", "multi", "--repo", "repo000")
        mirror = self.scripted()
        self.replicate(self.source, f"{mirror.host}/m", "--include-repo", "multi", "--map", "multi=many")
        self.check("--include-repo", "multi", "--map", "multi=many", destination=f"{mirror.host}/m")
        self.check("--include-repo", "none")
        self.check("--include-repo", "none", "--fail-on-empty", code=NOT_FOUND)

    def test_a_report(self):
        self.spoil()
        path = self.directory / "report.json"
        self.text("--report", path, code=DIFFERS)
        self.assertEqual(read_report(path)["totals"]["missing"], 2)

    def test_it_takes_no_lock_and_writes_no_options(self):
        for option in ("--delete-extra", "--overwrite=always", "--checkpoint=x", "--lock=x"):
            result = self.program.run(*self.arguments(self.source, self.destination, option, command="check"))
            self.assertEqual(result.exit_code, USAGE, result)


class Failures(CheckCase):
    def test_a_tag_that_can_not_be_read_is_a_failure(self):
        self.destination.rule("*", "/repo001/manifests/v3$", faults.status(500))
        report = self.check("--retries", "1", code=PARTIAL)
        entry = by_reference(report)["repo001:v3"]
        self.assertEqual((entry["outcome"], entry["error_class"]), ("failed", "temporary"))
        self.assertEqual(report["totals"]["equal"], len(self.contents) - 1)

    def test_a_list_that_can_not_be_read_is_a_failure(self):
        for side in ("source", "destination"):
            with self.subTest(side=side):
                self.source.rules.clear()
                self.destination.rules.clear()
                getattr(self, side).rule("GET", "/repo001/tags/list", faults.status(500))
                report = self.check("--retries", "1", code=PARTIAL)
                self.assertEqual(by_reference(report)["repo001:"]["outcome"], "failed")

    def test_a_side_that_is_not_there(self):
        self.destination.stop()
        result = self.program.run(*self.arguments(self.source, self.destination, "--retries", "0", command="check"))
        self.assertIn(result.exit_code, (PARTIAL, TEMPORARY), result)
        self.assertNotIn(" missing repo", result.stdout)

    def test_no_credentials(self):
        locked = self.scripted(basic=("ci", "secret"))
        result = self.program.run(*self.arguments(locked, self.destination, command="check"))
        self.assertEqual(result.exit_code, AUTHENTICATION, result)


class Deep(CheckCase):
    def setUp(self):
        super().setUp()
        self.index = self.contents["multi", "v1"]

    def incomplete(self, report):
        return {name for name, outcome in outcomes(report).items() if outcome == "incomplete"}

    def test_whole(self):
        report = self.check("--deep")
        self.assertEqual(report["totals"]["equal"], len(self.contents))
        self.assertEqual(self.destination.requests("GET", "/blobs/"), [], "blobs are asked for, not fetched")

    def test_a_blob_that_is_missing(self):
        image = self.contents["repo001", "v2"]
        for digest in (image.document["layers"][1]["digest"], image.document["config"]["digest"]):
            with self.subTest(digest=digest):
                data = self.destination.repository("repo001").blobs.pop(digest)
                report = self.check("--deep", code=DIFFERS)
                self.assertEqual(self.incomplete(report), {"repo001:v2"})
                entry = by_reference(report)["repo001:v2"]
                self.assertEqual(entry["reason"], "missing-content")
                self.assertIn(digest, entry["error"])
                self.check()  # a HEAD on the tag can't see it
                self.destination.repository("repo001").blobs[digest] = data

    def test_a_child_or_a_blob_of_a_child_that_is_missing(self):
        child = self.index.document["manifests"][2]["digest"]
        held = self.destination.repository("multi")
        manifest = held.manifests.pop(child)
        self.assertEqual(self.incomplete(self.check("--deep", code=DIFFERS)), {"multi:v1"})
        held.manifests[child] = manifest
        held.blobs.pop(json.loads(manifest[1])["layers"][0]["digest"])
        self.assertEqual(self.incomplete(self.check("--deep", code=DIFFERS)), {"multi:v1"})

    def test_a_blob_of_the_wrong_size(self):
        image = self.contents["repo001", "v2"]
        self.destination.repository("repo001").blobs[image.document["layers"][0]["digest"]] += b"x"
        self.assertEqual(self.incomplete(self.check("--deep", code=DIFFERS)), {"repo001:v2"})

    def test_at_a_real_registry(self):
        source, destination = self.registry(), self.registry()
        for registry in (source, destination):
            fill(registry, self.contents)
        self.check("--deep", source=source, destination=destination)
        layer = self.contents["repo001", "v2"].document["layers"][0]["digest"]
        client.RegistryClient(destination.url).delete_blob("repo001", layer)
        report = self.check("--deep", source=source, destination=destination, code=DIFFERS)
        self.assertEqual(self.incomplete(report), {"repo001:v2"})


if __name__ == "__main__":
    unittest.main()
