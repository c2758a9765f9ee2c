"""What a run tells of itself: the figures in its report, metrics for Prometheus, alerts, the summary at the end."""

import json
import os
import re
import unittest

from support import faults, images, process
from support.case import ALERT, NOT_FOUND, OK, USAGE, Case, at
from support.tree import DIFFERS, TreeCase, fill, fleet, read_report, small

OPERATION_MEMBERS = ["operation", "count", "errors", "bytes", "items", "seconds_total", "p50_ms", "p90_ms", "p99_ms", "max_ms"]
COLUMNS = ["seconds", "bytes_moved", "rss_bytes", "cpu_seconds", "blobs_in_flight", "blob_p99_ms"]
SAMPLE = re.compile(r'^(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (?P<value>[0-9.e+-]+)$')


def operations(report):
    return {entry["operation"]: entry for entry in report["performance"]["operations"]}


def parse_metrics(text, run):
    """name{labels} → value of a text in format 0.0.4, without the label `run` that each sample must have; each family with HELP and
    TYPE before its samples, and only once."""
    assert text.endswith("\n")
    values, types, helped, family = {}, {}, set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
            assert family not in helped, line
            helped.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name == family, line
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            assert match["name"] in (family, *(family + suffix for suffix in ("_bucket", "_sum", "_count"))), line
            assert (types[family] == "counter") == match["name"].endswith("_total"), line
            assert match["labels"].split(",")[0] == f'run="{run}"', line
            key = line.rpartition(" ")[0].replace(f'run="{run}",', "").replace(f'{{run="{run}"}}', "")
            assert key not in values, line
            values[key] = float(match["value"])
    assert set(types) == helped
    return values


def sum_of(values, name):
    return sum(value for key, value in values.items() if key == name or key.startswith(name + "{"))


class Copy(Case):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.registry(), self.registry()
        self.image = images.single("monitor", layers=5, layer_size=100_000)
        self.push(self.source, self.image, "app", "v1")
        self.file = self.directory / "report.json"

    def run_copy(self, *options, code=OK, tag="v1", **more):
        result = self.program.run("copy", "--progress", "none", "--report", self.file, *options, at(self.source, "app", tag),
                                  at(self.destination, "app", "v1"), **more)
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        return result, read_report(self.file)

    def test_a_report_counts_what_was_done(self):
        result, report = self.run_copy()
        self.assertEqual(result.stderr, "")
        blobs = self.image.blobs
        self.assertEqual(report["exit_code"], 0)
        self.assertEqual((report["totals"]["repositories"], report["totals"]["tags"], report["totals"]["copied"]), (1, 1, 1))
        self.assertEqual(report["performance"]["blobs"], {"copied": len(blobs), "mounted": 0, "present": 0})
        [reference] = report["references"]
        self.assertEqual((reference["source_repository"], reference["destination_repository"], reference["tag"]),
                         ("app", "app", "v1"))
        self.assertEqual((reference["outcome"], reference["reason"], reference["digest"]), ("copied", "new", self.image.digest))
        done = operations(report)
        self.assertEqual(list(done["blob_copy"]), OPERATION_MEMBERS)
        copied = done["blob_copy"]
        self.assertEqual((copied["count"], copied["items"], copied["errors"]), (len(blobs), len(blobs), 0))
        self.assertEqual(copied["bytes"], sum(map(len, blobs.values())))
        self.assertEqual(done["download_start"]["count"], len(blobs))
        self.assertEqual(done["manifest_put"]["count"], 1)
        self.assertEqual(done["manifest_get"]["bytes"], len(self.image.bytes))
        for entry in done.values():
            self.assertLessEqual(entry["p50_ms"], entry["p90_ms"])
            self.assertLessEqual(entry["p90_ms"], entry["p99_ms"])
            self.assertLessEqual(entry["p99_ms"], entry["max_ms"])
            self.assertGreater(entry["max_ms"], 0)

    def test_a_report_tells_of_the_components(self):
        self.source.mark()
        self.destination.mark()
        _, report = self.run_copy()
        performance = report["performance"]
        self.assertGreater(performance["system"]["rss_bytes"], 1 << 20)
        self.assertEqual(performance["system"]["peak_rss_bytes"], performance["peak_rss_bytes"])
        self.assertGreater(performance["system"]["cpu_user_seconds"] + performance["system"]["cpu_system_seconds"], 0)
        connections = performance["connections"]
        self.assertEqual(connections["requests"], len(self.source.requests()) + len(self.destination.requests()))
        self.assertGreater(connections["opened"], 0)
        self.assertGreater(connections["requests"], connections["opened"], "connections are used again")
        hosts = {host["host"]: host for host in performance["hosts"]}
        self.assertEqual(set(hosts), {self.source.host, self.destination.host})
        pool = performance["buffer_pool"]
        self.assertEqual(pool["acquired"], pool["hits"] + pool["misses"] + pool["oversize"])
        self.assertGreaterEqual(pool["bytes_acquired"], pool["high_water_bytes"])
        self.assertEqual(pool["bytes_in_use"], 0)
        self.assertEqual(len(pool["tiers"]), 9)
        cleanups = performance["cleanups"]
        self.assertEqual(cleanups["registered"], cleanups["finished"] + cleanups["cleaned"] + cleanups["failed"])
        self.assertGreaterEqual(cleanups["finished"], len(self.image.blobs), "one upload session for each blob")
        samples = performance["samples"]
        self.assertEqual(samples["columns"], COLUMNS)
        last = dict(zip(COLUMNS, samples["rows"][-1], strict=True))
        self.assertEqual(last["bytes_moved"], sum(map(len, self.image.blobs.values())))
        self.assertEqual(last["blobs_in_flight"], 0)
        self.assertEqual(performance["alerts"], [])

    def test_a_copy_with_nothing_to_do_and_one_that_fails(self):
        self.run_copy()
        _, report = self.run_copy()
        self.assertEqual((report["totals"]["equal"], report["references"][0]["reason"]), (1, "same-digest"))
        self.assertNotIn("blob_copy", operations(report))
        _, report = self.run_copy(tag="none", code=NOT_FOUND)
        self.assertEqual((report["exit_code"], report["totals"]["failed"]), (NOT_FOUND, 1))
        self.assertEqual(report["references"][0]["error_class"], "not_found")

    def test_memory_transitions_are_told(self):
        _, report = self.run_copy("--max-memory", "25MiB")
        memory = report["performance"]["memory"]
        self.assertEqual((memory["budget_bytes"], memory["budget_source"]), (25 << 20, "--max-memory"))
        self.assertTrue(memory["transitions"])
        first = memory["transitions"][0]
        self.assertEqual((first["from"], list(first)), ("relaxed", ["time", "from", "to", "resident_bytes"]))
        self.assertGreater(memory["reserved_high_water_bytes"], 0)

    def test_waits_are_counted(self):
        _, report = self.run_copy("--requests-per-second", f"{self.source.host}=40", "--bandwidth-limit", "2MiB")
        waits = report["performance"]["waits"]
        self.assertGreater(waits["rate_limit"]["count"], 0)
        self.assertGreater(waits["rate_limit"]["seconds"], 0)
        self.assertGreater(waits["bandwidth"]["count"], 0)

    def test_alerts_warn_and_fail_the_run_on_request(self):
        rules = ("--alert", "rss>1MiB", "--alert", "p99:blob>1h", "--alert", "max:manifest_get>0ms")
        for extra, code in (((), OK), (("--alert-fail",), ALERT)):
            with self.subTest(extra=extra):
                result, report = self.run_copy(*rules, *extra, code=code)
                warnings = result.stderr.splitlines()
                self.assertEqual(len([line for line in warnings if "warning: alert rss>1MiB: " in line]), 1, result)
                self.assertNotIn("1h", result.stderr)
                self.assertEqual(report["exit_code"], code)
                alerts = {alert["alert"]: alert for alert in report["performance"]["alerts"]}
                self.assertEqual(list(alerts["rss>1MiB"]), ["alert", "value", "message", "seconds"])
                self.assertGreater(alerts["rss>1MiB"]["value"], 1 << 20)
                self.assertNotIn("p99:blob>1h", alerts)
        self.assert_whole(self.destination, "app", "v1", self.image)
        _, report = self.run_copy(*rules, "--alert-fail", tag="none", code=NOT_FOUND)
        self.assertEqual(report["exit_code"], NOT_FOUND, "a failure's own code stays")

    def test_alerts_that_can_not_be_read(self):
        for rule, words in {
            "rss>much": ("--alert", '"much" is not a size'),
            "p99:blobs>1s": ('no operation "blobs"', "blob_copy", "manifest_get", "token"),
            "p95:blob>1s": ('"p95:blob"', "p50, p90, p99 or max"),
            "error-rate>5": ('"5"',),
        }.items():
            with self.subTest(rule=rule):
                self.refuse_copy(USAGE, at(self.source, "app", "v1"), at(self.destination, "app", "v1"), "--alert", rule,
                                 words=words)
        self.refuse_copy(USAGE, at(self.source, "app", "v1"), at(self.destination, "app", "v1"), "--alert-fail",
                         words=("--alert-fail", "no --alert"))
        self.refuse_copy(USAGE, at(self.source, "app", "v1"), at(self.destination, "app", "v1"), "--metrics-file",
                         self.directory / "none" / "x.prom", words=("--metrics-file", "no directory"))

    def test_alerts_from_a_configuration_file(self):
        config = self.directory / "run.yaml"
        config.write_text("alert:\n  - rss>1MiB\n  - error-rate>50%\nalert-fail: true\nstats: true\n")
        result, report = self.run_copy("--config", config, code=ALERT)
        self.assertEqual([alert["alert"] for alert in report["performance"]["alerts"]], ["rss>1MiB"])
        self.assertIn("OPERATION", result.stderr)

    def test_stats_as_a_table(self):
        result, report = self.run_copy("--stats")
        lines = result.stderr.splitlines()
        self.assertRegex(lines[0], r"^OPERATION +COUNT +ERRORS +BYTES +ITEMS +P50 +P90 +P99 +MAX$")
        rows = {line.split()[0]: line.split() for line in lines[1:]}
        for name, entry in operations(report).items():
            self.assertEqual(rows[name][1:3], [str(entry["count"]), str(entry["errors"])])
        for name in ("connections", "waits", "memory", "process", "processor"):
            self.assertIn(name, rows)
        widths = {len(line) for line in lines[: 1 + len(operations(report))]}
        self.assertEqual(len(widths), 1, "the columns stand below one another")

    def test_stats_as_json(self):
        result, report = self.run_copy("--stats", "--log-format", "json")
        [line] = result.stderr.splitlines()
        event = json.loads(line)
        self.assertEqual((event["level"], event["message"]), ("info", "statistics"))
        self.assertEqual(event["operations"], report["performance"]["operations"])
        self.assertEqual(event["connections"], report["performance"]["connections"])

    def test_metrics_for_prometheus(self):
        metrics = self.directory / "run.prom"
        metrics.write_text("of an earlier run")
        _, report = self.run_copy("--metrics-file", metrics)
        text = metrics.read_text()
        values = parse_metrics(text, "run")
        copied = operations(report)["blob_copy"]
        self.assertEqual(values['freightliner_operation_duration_seconds_count{operation="blob_copy"}'], copied["count"])
        self.assertEqual(values['freightliner_operation_duration_seconds_bucket{operation="blob_copy",le="+Inf"}'],
                         copied["count"])
        self.assertEqual(values['freightliner_operation_bytes_total{operation="blob_copy"}'], copied["bytes"])
        self.assertEqual(values["freightliner_blob_received_bytes_total"], copied["bytes"])
        self.assertEqual((values["freightliner_run_finished"], values["freightliner_run_exit_code"]), (1, 0))
        self.assertEqual(values["freightliner_http_connections_opened_total"], report["performance"]["connections"]["opened"])
        self.assertEqual(sum_of(values, "freightliner_buffer_pool_acquisitions_total"),
                         report["performance"]["buffer_pool"]["acquired"])
        buckets = [value for key, value in values.items() if "duration_seconds_bucket" in key and '"blob_copy"' in key]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual([path.name for path in self.directory.glob("*run.prom*")], ["run.prom"])
        checked = process.run_tool("promtool", "check", "metrics", stdin=text.encode())
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, b""))

    def test_a_metrics_file_that_can_not_be_written(self):
        closed = self.directory / "closed"
        closed.mkdir()
        target = closed / "run.prom"
        target.symlink_to("/dev/null")
        self.refuse_copy(USAGE, at(self.source, "app", "v1"), at(self.destination, "app", "v1"), "--metrics-file", target,
                         words=("--metrics-file", "symbolic link"))
        self.assertEqual(str(target.readlink()), "/dev/null")
        target.unlink()
        os.mkfifo(target)
        self.refuse_copy(USAGE, at(self.source, "app", "v1"), at(self.destination, "app", "v1"), "--metrics-file", target,
                         words=("--metrics-file", "not a regular file"))


class Recovered(Case):
    def test_failures_and_retries(self):
        """A 429 on a manifest and a blob that breaks off: each one error, and the run recovers."""
        source, destination = self.scripted(), self.scripted()
        image = images.single("again", layers=2)
        source.load(image, "app", "v1")
        source.rule("GET", "/manifests/", faults.too_many(retry_after=1), times=1)
        destination.rule("PUT", "/blobs/uploads/", faults.status(503), times=1)
        report = self.directory / "report.json"
        self.copy(at(source, "app", "v1"), at(destination, "app", "v1"), "--report", report)
        document = read_report(report)
        done = operations(document)
        self.assertEqual((done["manifest_get"]["count"], done["manifest_get"]["errors"]), (2, 1))
        self.assertEqual((done["blob_copy"]["count"], done["blob_copy"]["errors"]), (len(image.blobs) + 1, 1))
        self.assertEqual(done["blob_copy"]["items"], len(image.blobs))
        self.assertEqual(done["upload_cancel"]["count"], 1)
        self.assertEqual(document["performance"]["retries"], 2)
        self.assertGreaterEqual(document["performance"]["waits"]["rate_limit"]["count"], 1)
        hosts = {host["host"]: host for host in document["performance"]["hosts"]}
        self.assertEqual(hosts[source.host]["throttled"], 1)
        self.assertEqual(document["performance"]["cleanups"]["cleaned"], 1)

    def test_long_runs_tell_how_they_do(self):
        source, destination = self.scripted(), self.scripted()
        source.load(images.single("slow", layers=1), "app", "v1")
        source.rule("GET", "/blobs/", faults.Delay(1.5))
        metrics = self.directory / "run.prom"
        for options, lines in ((("--report-interval", "1s"), True), ((), False)):
            result = self.program.run("copy", "--progress", "none", "--overwrite", "always", *options, "--metrics-file", metrics,
                                      at(source, "app", "v1"), at(destination, "app", "v1"))
            self.assertEqual(result.exit_code, OK, result)
            self.check_run(result)
            self.assertEqual(bool(result.stderr), lines, result)
            destination.repository("app").blobs.clear()
            for line in result.stderr.splitlines():
                self.assertRegex(line, r"^freightliner: after [0-9.]+ s: .* moved, .*/s; \d+ blobs.* errors, \d+ retries; .* memory")


class Tokens(Case):
    def test_requests_for_tokens_are_operations_too(self):
        server = self.token_server(users={"ci": "s3cret"}, grants={"ci": [("*", "pull,push,*")]}, failures=1)
        source, destination = self.registry(), self.registry(token=server.registry_settings())
        image = images.single("token")
        self.push(source, image, "app", "v1")
        auth = self.write_json(self.directory / "auth.json", {"auths": {destination.host: {"auth": "Y2k6czNjcmV0"}}})
        report = self.directory / "report.json"
        self.copy(at(source, "app", "v1"), at(destination, "app", "v1"), "--authfile", auth, "--report", report)
        token = operations(read_report(report))["token"]
        self.assertEqual((token["errors"], token["items"]), (1, token["count"] - 1), "the first answer was a 503")
        self.assertGreater(token["bytes"], 100)


class Trees(TreeCase):
    def test_200_tags_need_few_connections(self):
        """At most two for each job, one to each side."""
        source = self.registry()
        contents = fleet(1, 200)
        fill(source, contents)
        report = self.directory / "report.json"
        for jobs in (1, 4, 8):
            with self.subTest(jobs=jobs):
                destination = self.registry()
                self.replicate(source, destination, "--jobs", jobs, "--report", report)
                performance = read_report(report)["performance"]
                self.assertLessEqual(performance["connections"]["opened"], 2 * jobs)
                self.assertGreater(performance["connections"]["requests"], 200 * 6)
                self.assertEqual(operations(read_report(report))["blob_copy"]["count"],
                                 len({digest for image in contents.values() for digest in image.blobs}))
                self.assertEqual(operations(read_report(report))["tag_list"]["items"], 200)
                self.replicate(source, destination, "--jobs", jobs, "--report", report)
                self.assertLessEqual(read_report(report)["performance"]["connections"]["opened"], 2 * jobs, "nothing to do")

    def test_more_connections_are_opened_where_answers_are_slow(self):
        source, destination = self.scripted(), self.scripted()
        contents = fleet(1, 200)
        for registry in (source, destination):
            fill(registry, contents)
        source.rule("HEAD", "/manifests/", faults.Delay(0.1))  # so far, whatever else this machine does
        report = self.directory / "report.json"
        self.replicate(source, destination, "--jobs", 2, "--report", report)
        opened = read_report(report)["performance"]["connections"]["opened"]
        self.assertGreater(opened, 8)
        self.assertLessEqual(opened, 2 * 64)

    def test_a_comparison_is_measured_too(self):
        source, destination = self.registry(), self.registry()
        fill(source, fleet(2, 3))
        report = self.directory / "report.json"
        result = self.program.run(*self.arguments(source, destination, "--report", report, "--alert", "max:head>0ms",
                                                  "--alert", "max:tag_list>0ms", "--alert-fail", command="check"))
        self.assertEqual(result.exit_code, DIFFERS, "that the sides differ is told first")
        document = read_report(report)
        self.assertGreater(operations(document)["tag_list"]["count"], 0)
        self.assertEqual(operations(document)["catalog"]["items"], 2)

    def test_each_job_of_a_sync_counts_for_itself(self):
        source, destination = self.registry(), self.registry()
        fill(source, {("a/x", "v1"): small("a"), ("b/x", "v1"): small("b"), ("b/x", "v2"): small("c")})
        config = self.directory / "jobs.yaml"
        jobs = [{"name": name, "source": f"{source.host}/{name}", "destination": f"{destination.host}/{name}",
                 "report": str(self.directory / f"{name}.json"), "metrics-file": str(self.directory / f"{name}.prom"),
                 "lock": str(self.directory / f"{name}.lock")} for name in ("a", "b")]
        config.write_text(json.dumps({"jobs": jobs}))
        result = self.program.run("sync", "--progress", "none", "--config", config)
        self.assertEqual(result.exit_code, OK, result)
        for name, tags in (("a", 1), ("b", 2)):
            report = read_report(self.directory / f"{name}.json")
            self.assertEqual(operations(report)["manifest_put"]["count"], tags)
            values = parse_metrics((self.directory / f"{name}.prom").read_text(), name)
            self.assertEqual(values['freightliner_operation_items_total{operation="manifest_put"}'], tags)
        jobs[1]["metrics-file"] = jobs[0]["metrics-file"]
        config.write_text(json.dumps({"jobs": jobs}))
        self.refuse(USAGE, "sync", "--progress", "none", "--config", config, words=("both write", "metrics file"))


if __name__ == "__main__":
    unittest.main()
