"""What fails in a tree: one tag, one page, one host. The others arrive, and every failure is named."""

import json
import threading
import time
import unittest

from support import faults, images
from support.case import LOCAL, PARTIAL, PROTOCOL, TEMPORARY, USAGE
from support.runner import sanitized
from support.tree import TreeCase, by_reference, fill, fleet, manifests_of, outcomes, read_report, small, tags_of


class Outage(faults.Fault):
    """503 for so many seconds after the first request."""

    def __init__(self, seconds):
        self.seconds, self.began = seconds, None

    def receive(self, request):
        self.began = self.began or time.monotonic()
        if time.monotonic() - self.began < self.seconds:
            return faults.status(503).receive(request)
        return None


class FaultCase(TreeCase):
    source_options = {}
    destination_options = {}

    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(**self.source_options), self.scripted(**self.destination_options)

    def give(self, contents):
        self.contents = contents
        fill(self.source, contents)

    def failed_in(self, report):
        return {name for name, outcome in outcomes(report).items() if outcome == "failed"}

    def assert_all_but(self, *failed):
        expected = {key: image for key, image in self.contents.items() if f"{key[0]}:{key[1]}" not in failed}
        self.assert_tree(self.destination, expected)
        self.assert_no_open_uploads(self.destination)


class Refusals(FaultCase):
    def test_a_source_that_is_full(self):
        """507 for what is read says nothing of the repository that is written to: the tags behind it are tried."""
        self.give({("app", tag): small(tag) for tag in ("v1", "v2", "v3")})
        self.source.rule("GET", "/blobs/" + small("v1").document["layers"][0]["digest"], faults.status(507))
        report = self.replicate(self.source, self.destination, "--jobs", "1", code=PARTIAL)
        self.assertEqual(self.failed_in(report), {"app:v1"})
        self.assert_all_but("app:v1")

    def test_what_this_machine_lacks_is_no_fault_of_a_host(self):
        self.give({("app", f"v{number}"): small(number) for number in range(30)})
        result = self.program.run(*self.arguments(self.source, self.destination, "--retries", "0"),
                                  prefix=(*sanitized(), "prlimit", "--nofile=16"))
        self.assertIn(result.exit_code, (PARTIAL, LOCAL), result)
        self.assertIn("ulimit -n", result.stderr)
        self.assertNotRegex(result.stderr, "is down|let rest|not asked again")


class OneOfMany(FaultCase):
    BAD = "repo001:v77"

    def setUp(self):
        super().setUp()
        self.give(fleet(3, 100))
        self.layer = self.contents["repo001", "v77"].document["layers"][1]["digest"]
        self.report = self.directory / "report.json"

    def spoil(self, fault):
        return self.source.rule("GET", self.layer, fault)

    def test_299_arrive_and_the_one_is_named(self):
        self.spoil(faults.Flip())
        result = self.replicate_text(self.source, self.destination, "--report", self.report, code=PARTIAL)
        self.assert_all_but(self.BAD)
        self.assertIn(f"failed {self.BAD}: ", result.stdout)
        self.assertIn("299 copied", result.stdout)
        self.assertIn("1 failed", result.stdout)
        report = read_report(self.report)
        self.assert_adds_up(report)
        self.assertEqual(report["exit_code"], PARTIAL)
        self.assertEqual((report["totals"]["copied"], report["totals"]["failed"]), (299, 1))
        entry = by_reference(report)[self.BAD]
        self.assertEqual((entry["outcome"], entry["reason"], entry["error_class"]), ("failed", "error", "integrity"))
        self.assertIn(self.layer, entry["error"])
        lines = [line for line in self.report.read_text().splitlines() if '"outcome":"failed"' in line]
        self.assertEqual(len(lines), 1, "grep finds it")

    def test_whatever_the_fault(self):
        for fault, error_class in ((faults.status(404), "not_found"), (faults.status(500), "temporary"),
                                   (faults.status(403), "denied"), (faults.Cut(10), "temporary")):
            with self.subTest(error_class=error_class):
                destination = self.destination = self.scripted()
                self.source.rules.clear()
                self.spoil(fault)
                report = self.replicate(self.source, destination, "--retries", "1", "--repo", "repo001", code=PARTIAL,
                                        timeout=60)
                self.assertEqual(self.failed_in(report), {self.BAD})
                self.assertEqual(by_reference(report)[self.BAD]["error_class"], error_class)
                self.assertEqual(len(tags_of(destination)), 99)
                self.assert_every_tag_is_whole(destination)

    def test_retry_failed_from_a_report(self):
        self.spoil(faults.Flip())
        self.replicate(self.source, self.destination, "--report", self.report, code=PARTIAL)
        self.source.rules.clear()
        since = len(self.source.journal), len(self.destination.journal)
        report = self.replicate(self.source, self.destination, "--retry-failed-from", self.report)
        self.assertEqual(outcomes(report), {self.BAD: "copied"})
        self.assert_all_but()
        for registry, start in zip((self.source, self.destination), since):
            asked = registry.requests(path="^/v2/.", since=start)
            self.assertTrue(asked)
            self.assertEqual([r.target for r in asked if not r.path.startswith("/v2/repo001/")], [])
            self.assertLessEqual(len(asked), 16)

    def test_retry_of_a_report_without_failures_or_of_another_job(self):
        self.replicate(self.source, self.destination, "--report", self.report, "--repo", "repo000")
        report = self.replicate(self.source, self.destination, "--retry-failed-from", self.report)
        self.assertEqual(report["references"], [])
        third = self.scripted()
        self.refuse_tree(USAGE, self.source, third, "--retry-failed-from", self.report, words="report")
        self.refuse_tree(USAGE, self.source, self.destination, "--retry-failed-from", self.directory / "none")
        self.report.write_text("{}")
        self.refuse_tree(USAGE, self.source, self.destination, "--retry-failed-from", self.report, words="report")
        self.assertEqual(third.journal, [])

    def test_fail_fast(self):
        """Begins nothing more after the first failure."""
        self.source.rule("GET", "/blobs/", faults.Delay(0.02))
        self.source.rule("GET", "/repo000/manifests/", faults.status(404))
        report = self.replicate(self.source, self.destination, "--fail-fast", "--jobs-per-host", "4", code=PARTIAL)
        self.assertGreaterEqual(report["totals"]["failed"], 1)
        self.assertLess(len(tags_of(self.destination)) + report["totals"]["failed"], 60)
        self.assert_every_tag_is_whole(self.destination)
        self.assert_no_open_uploads(self.destination)

    def test_a_destination_that_refuses_one_tag(self):
        self.destination.rule("PUT", "/manifests/v77$", faults.status(403))
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        failed = {f"repo00{number}:v77" for number in range(3)}
        self.assertEqual(self.failed_in(report), failed)
        self.assertEqual({by_reference(report)[name]["error_class"] for name in failed}, {"denied"})
        self.assert_all_but(*failed)


class Listings(FaultCase):
    source_options = {"page_size": 3}

    def setUp(self):
        super().setUp()
        self.give(fleet(3, 8))

    def test_a_second_page_that_fails(self):
        """A list that breaks off is never taken for a shorter one."""
        rule = self.source.rule("GET", "/repo001/tags/list", faults.status(500))
        rule.applies = lambda request: "repo001/tags" in request.path and request.argument("last") is not None
        report = self.replicate(self.source, self.destination, "--retries", "1", code=PARTIAL)
        entry = by_reference(report)["repo001:"]
        self.assertEqual((entry["outcome"], entry["tag"], entry["error_class"]), ("failed", "", "temporary"))
        self.assertEqual(tags_of(self.destination), {key: image.digest for key, image in self.contents.items()
                                                    if key[0] != "repo001"})

    def test_a_list_of_the_destination_that_fails(self):
        self.destination.rule("GET", "/repo001/tags/list", faults.status(500))
        report = self.replicate(self.source, self.destination, "--retries", "1", code=PARTIAL)
        self.assertEqual(self.failed_in(report), {"repo001:"})
        self.assertEqual(len(tags_of(self.destination)), 16)

    def test_a_list_of_the_destination_that_is_refused(self):
        """Who may push need not be allowed to list: then each tag is asked for."""
        self.destination.rule("GET", "/repo001/tags/list", faults.status(403))
        for outcome in ("copied", "equal"):
            result = self.program.run(*self.arguments(self.source, self.destination, "--output", "json"))
            self.assertEqual(result.exit_code, 0, result)
            self.assertIn("repo001", result.stderr)
            self.assertEqual(result.json["totals"][outcome], 24)
        self.assert_all_but()

    def test_pages_that_go_round(self):
        self.source.rule("GET", "/repo001/tags/list", faults.SetHeader(Link='</v2/repo001/tags/list>; rel="next"'))
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        self.assertEqual(by_reference(report)["repo001:"]["error_class"], "protocol")

    def test_bad_tag_names_are_passed_over(self):
        names = {"name": "repo000", "tags": ["v1", "bad tag", "../../x", "-x", "\x1b[31m", "", "x" * 129, "v2", "v1"]}
        self.source.rule("GET", "/repo000/tags/list", faults.json_answer(json.dumps(names).encode()))
        self.replicate(self.source, self.destination, "--repo", "repo000")
        self.assertEqual({tag for _, tag in tags_of(self.destination)}, {"v1", "v2"})

    def test_lists_of_the_wrong_form(self):
        for body in (b"[]", b'{"tags":7}', b'{"tags":[7]}', b"<html>", b""):
            with self.subTest(body=body):
                self.source.rules.clear()
                self.source.rule("GET", "/repo000/tags/list", faults.json_answer(body))
                report = self.replicate(self.source, self.destination, "--repo", "repo000", "--repo", "repo002", code=PARTIAL)
                self.assertEqual(self.failed_in(report), {"repo000:"})
                self.assertEqual(by_reference(report)["repo000:"]["error_class"], "protocol")

    def test_no_tags_at_all(self):
        """`null` is how some registries write an empty list."""
        self.source.rule("GET", "/repo000/tags/list", faults.json_answer(b'{"name":"repo000","tags":null}'))
        report = self.replicate(self.source, self.destination)
        self.assertEqual(report["totals"]["copied"], 16)


class Moving(FaultCase):
    def setUp(self):
        super().setUp()
        self.give(fleet(1, 30))
        self.tags = self.source.repository("repo000").tags

    def when(self, registry, method, path, function):
        done = threading.Event()

        def once(_):
            if not done.is_set():
                done.set()
                function()

        registry.rule(method, path, faults.Call(once))

    def test_a_source_tag_that_moves_after_the_listing(self):
        moved = images.multi_arch("moved")

        def move():
            self.source.load(moved, "repo000", "v20")

        self.when(self.source, "GET", "/tags/list", move)
        self.contents["repo000", "v20"] = moved
        self.replicate(self.source, self.destination)
        self.assert_all_but()

    def test_a_source_tag_that_moves_between_head_and_get(self):
        fill(self.destination, {key: small("old") for key in self.contents})
        moved = small("moved")
        self.when(self.source, "GET", "/manifests/v7$", lambda: self.source.load(moved, "repo000", "v7"))
        self.replicate(self.source, self.destination)
        self.contents["repo000", "v7"] = moved
        self.assert_all_but()

    def test_a_source_tag_that_vanishes(self):
        self.when(self.source, "GET", "/tags/list", lambda: None)
        self.source.rule("GET", "/manifests/v20$", faults.Call(lambda _: self.tags.pop("v20", None)))
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        self.assertEqual(self.failed_in(report), {"repo000:v20"})
        self.assertEqual(by_reference(report)["repo000:v20"]["error_class"], "not_found")
        self.assert_all_but("repo000:v20")

    def test_an_image_that_is_collected_while_it_is_copied(self):
        image = self.contents["repo000", "v20"]
        layer = image.document["layers"][1]["digest"]
        blobs = self.source.repository("repo000").blobs
        self.source.rule("GET", layer, faults.Call(lambda _: blobs.pop(layer, None)))
        self.replicate(self.source, self.destination, code=PARTIAL)
        self.assert_all_but("repo000:v20")

    def test_a_destination_blob_that_vanishes_is_uploaded_again(self):
        """The registry said the blob was there; at the manifest it is not."""
        shared = {("repo000", "a"): small("a"), ("repo000", "b"): small("a", annotations={"x": "y"})}
        self.destination = self.scripted()
        self.source = self.scripted()
        self.give(shared)
        self.replicate(self.source, self.destination, "--include-tag", "a")
        layer = shared["repo000", "b"].document["layers"][0]["digest"]
        blobs = self.destination.repository("repo000").blobs
        gone = threading.Event()

        def collect(_):
            if not gone.is_set():
                gone.set()
                blobs.pop(layer)

        self.destination.rule("PUT", "/manifests/", faults.Call(collect))
        self.replicate(self.source, self.destination)
        self.assert_whole(self.destination, "repo000", "b", shared["repo000", "b"])


class Hosts(FaultCase):
    def setUp(self):
        super().setUp()
        self.give(fleet(4, 25))

    def test_a_burst_of_429(self):
        """A host that takes nothing for 2.5 s is asked again each second by those that wait, and all arrives."""
        for side, jobs in (("source", 4), ("destination", 4), ("source", 8), ("destination", 8)):
            with self.subTest(side=side, jobs=jobs):
                self.destination = self.scripted()
                self.source.rules.clear()
                rule = getattr(self, side).rule("*", "/(manifests|blobs)/", faults.too_many(1), seconds=2.5)
                report = self.replicate(self.source, self.destination, "--jobs", jobs, timeout=90)
                self.assert_all_but()
                self.assertGreaterEqual(rule.hits, 2)
                self.assertLessEqual(rule.hits, 3 * jobs)
                self.assertGreaterEqual(report["duration_ms"], 2_000)
                self.assertEqual(report["performance"]["retries"], rule.hits)

    def test_the_pause_is_shared(self):
        """After a 429 that says 2 s, nobody asks that host for 2 s but who was on the way."""
        self.source.rule("GET", "/manifests/", faults.too_many(2), nth=30)
        self.replicate(self.source, self.destination, "--jobs-per-host", "8")
        times = [(r.started, r.status) for r in self.source.requests("GET", "/(manifests|blobs)/")]
        limited = next(started for started, status in times if status == 429)
        early = [started for started, _ in times if limited + 0.5 < started < limited + 1.8]
        self.assertEqual(early, [])
        self.assert_all_but()

    def test_a_destination_that_answers_503_for_ever(self):
        """The circuit breaker ends what would be thousands of seconds of retries: three tries for each of the tags."""
        rule = self.destination.rule("*", "/(manifests|blobs)/", faults.status(503))
        began = time.monotonic()
        report = self.replicate(self.source, self.destination, "--retries", "2", "--jobs-per-host", "8", code=PARTIAL, timeout=120)
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual(report["totals"]["failed"], 100)
        self.assertEqual({entry["error_class"] for entry in report["references"]}, {"temporary"})
        self.assertLess(rule.hits, 100)

    def test_a_host_that_is_down_spares_the_others(self):
        """One run of sync has two destinations: the first answers 503 for ever, and the breaker knows it by its name."""
        dead = self.scripted()
        rule = dead.rule("*", "/(manifests|blobs)/", faults.status(503))
        path = self.directory / "sync.yaml"
        jobs = [{"name": name, "source": self.source.host, "destination": registry.host}
                for name, registry in (("dead", dead), ("good", self.destination))]
        defaults = {"lock": str(self.lock), "progress": "none", "retries": 2, "jobs-per-host": 8}
        path.write_text(json.dumps({"version": 1, "defaults": defaults, "jobs": jobs}))  # JSON is YAML
        result = self.program.run("sync", "--config", path, "--output", "json", timeout=120)
        self.assertEqual(result.exit_code, PARTIAL, result)
        totals = {entry["job"]: entry["report"]["totals"] for entry in result.json}
        self.assertEqual((totals["dead"]["failed"], totals["good"]["copied"], totals["good"]["failed"]), (100, 100, 0))
        self.assertIn(f"{dead.host} failed ", result.stderr)
        self.assertNotIn(f"{self.destination.host} failed ", result.stderr)
        self.assertLess(rule.hits, 100)
        self.assert_all_but()

    def test_a_destination_that_is_away_for_a_moment(self):
        self.destination.rule("*", "/(manifests|blobs)/", Outage(1.5))
        self.replicate(self.source, self.destination, "--retries", "10", timeout=120)
        self.assert_all_but()

    def test_a_source_that_dies_in_the_middle(self):
        self.source.rule("GET", "/blobs/", faults.Delay(0.02))
        run = self.start_tree(self.source, self.destination, "--retries", "1")
        while len(tags_of(self.destination)) < 10:
            time.sleep(0.01)
        self.source.stop()
        result = run.wait(90)
        self.assertEqual(result.exit_code, PARTIAL, result)
        report = result.json
        self.assert_adds_up(report)
        self.assertEqual(report["totals"]["copied"] + report["totals"]["failed"], 100)
        self.assertEqual(len(tags_of(self.destination)), report["totals"]["copied"])
        self.assert_every_tag_is_whole(self.destination)

    def test_a_source_that_is_not_there(self):
        self.source.stop()
        result = self.program.run(*self.arguments(self.source, self.destination, "--retries", "1"))
        self.assertEqual(result.exit_code, TEMPORARY, result)
        self.check_run(result)
        self.assertEqual([request.target for request in self.destination.journal if request.writes], [])

    def test_a_registry_that_is_a_web_page(self):
        self.source.rule("*", ".", faults.html())
        result = self.program.run(*self.arguments(self.source, self.destination))
        self.assertEqual(result.exit_code, PROTOCOL, result)
        self.check_run(result)

    def test_a_source_that_sends_wrong_manifests(self):
        self.source.rule("GET", "/repo000/manifests/", faults.html())
        report = self.replicate(self.source, self.destination, code=PARTIAL)
        self.assertEqual(self.failed_in(report), {f"repo000:v{number}" for number in range(25)})
        self.assert_all_but(*self.failed_in(report))

    def test_a_time_limit(self):
        self.source.rule("GET", "/blobs/", faults.Delay(0.3))
        result = self.program.run(*self.arguments(self.source, self.destination, "--timeout", "2s", "--jobs-per-host", "4",
                                                  "--output", "json"))
        self.assertEqual(result.exit_code, TEMPORARY, result)
        self.assertLess(result.seconds, 9)
        self.assertLess(len(tags_of(self.destination)), 100, "what is left is not waited for")
        self.assert_every_tag_is_whole(self.destination)
        self.assert_no_open_uploads(self.destination)
        self.assertEqual(len(manifests_of(self.destination.requests(), "PUT")), len(tags_of(self.destination)))


if __name__ == "__main__":
    unittest.main()
