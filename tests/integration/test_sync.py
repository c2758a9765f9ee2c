"""sync: several replications from one file; config check; filter-test."""

import json
import signal
import time
import unittest

from support import faults, process
from support.case import NOT_FOUND, OK, PARTIAL, USAGE
from support.tree import LOCKED, SAFETY_LIMIT, TreeCase, fill, read_report, small, tags_of

SECRET = "hunter2/very secret"


class SyncCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.contents = {(name, tag): small(f"{name} {tag}") for name in ("app", "team/web", "team/db")
                         for tag in ("v1", "v2", "latest")}
        fill(self.source, self.contents)
        self.path = self.directory / "sync.yaml"

    def write(self, *jobs, defaults=""):
        """A file with `jobs`: the lines of each job after its name, source and destination."""
        lines = ["version: 1", "defaults:", f"  lock: {self.lock}", "  progress: none"]
        lines += [f"  {line}" for line in defaults.splitlines()] + ["jobs:"]
        for number, job in enumerate(jobs, 1):
            lines += [f"  - name: job{number}", f"    source: {self.source.host}",
                      f"    destination: {self.destination.host}/j{number}"]
            lines += [f"    {line}" for line in job.splitlines()]
        text = "\n".join(lines) + "\n"
        self.path.write_text(text)
        return text

    def sync(self, *options, code=0, **more):
        result = self.program.run("sync", "--config", self.path, *options, **more)
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        return result

    def sync_json(self, *options, code=0, **more):
        reports = {entry["job"]: entry["report"] for entry in self.sync("--output", "json", *options, code=code, **more).json}
        for report in reports.values():
            self.assert_adds_up(report)
        return reports

    def arrived(self):
        self.assert_every_tag_is_whole(self.destination)
        return {f"{name}:{tag}" for name, tag in tags_of(self.destination)}


class Jobs(SyncCase):
    def test_several_jobs(self):
        self.write("include-repo: app", "include-repo: [team/*]\nexclude-tag:\n  - latest\n  - v2")
        reports = self.sync_json()
        self.assertEqual(list(reports), ["job1", "job2"])
        self.assertEqual(reports["job1"]["totals"]["copied"], 3)
        self.assertEqual(self.arrived(), {"j1/app:v1", "j1/app:v2", "j1/app:latest", "j2/team/web:v1", "j2/team/db:v1"})
        reports = self.sync_json()
        self.assertEqual([report["totals"]["equal"] for report in reports.values()], [3, 2])

    def test_text(self):
        self.write("include-repo: app", "include-repo: team/*")
        lines = self.sync().stdout.splitlines()
        self.assertEqual([line for line in lines if line.startswith("== ")], ["== job1", "== job2"])
        self.assertEqual(len([line for line in lines if "copied" in line]), 2)

    def test_defaults_and_what_overrides_them(self):
        self.write("", "include-tag: v2", defaults="include-tag: v1\ninclude-repo: app")
        self.sync()
        self.assertEqual(self.arrived(), {"j1/app:v1", "j2/app:v2"})

    def test_flags_win_over_the_file(self):
        self.write("include-tag: v1", defaults="include-repo: team/*\ndry-run: true")
        self.sync("--include-tag", "latest", "--include-repo", "app", "--dry-run=false")
        self.assertEqual(self.arrived(), {"j1/app:latest"})

    def test_dry_run(self):
        self.write("", "")
        reports = self.sync_json("--dry-run")
        self.assertEqual([report["totals"]["planned"] for report in reports.values()], [9, 9])
        self.assertEqual([r.target for r in self.destination.journal if r.writes], [])

    def test_only(self):
        self.write("", "", "")
        self.assertEqual(list(self.sync_json("--only", "job2")), ["job2"])
        self.assertEqual({name.partition("/")[0] for name in self.arrived()}, {"j2"})
        result = self.sync("--only", "job9", code=USAGE)
        for word in ("job9", "job1", "job3"):
            self.assertIn(word, result.stderr)

    def test_the_file_by_environment(self):
        self.write("include-repo: app")
        self.succeed("sync", env={"FREIGHTLINER_CONFIG": str(self.path)})
        self.assertEqual(len(self.arrived()), 3)
        self.refuse(USAGE, "sync", words="--config")
        self.refuse(USAGE, "sync", "--config", self.directory / "none.yaml", words="none.yaml")
        self.refuse(USAGE, "sync", "--config", self.path, self.source.host, self.destination.host, words="replicate-tree")

    def test_all_kinds_of_options(self):
        report = self.directory / "report.json"
        self.write(f"report: {report}\ncheckpoint: {self.directory}/journal\nmap: [team/*=t/*, app=application]\n"
                   "overwrite: never\nlatest: 1\nlatest-by: version\nreferrers: true\ndelete-extra: true\n"
                   "max-deletes: 10%\nimmutable-tag: v*\nskip-digest-tags: yes\nfail-on-empty: true\n"
                   "newer-than: 2000-01-01\nplatform: linux/amd64")
        result = self.sync("--output", "json", code=NOT_FOUND)  # the images have no date: nothing is selected
        self.assertEqual(result.json[0]["report"]["error"]["class"], "not_found")
        self.assertEqual(read_report(report)["totals"]["skipped_by_filter"], 9)


class Failures(SyncCase):
    def test_one_job_that_fails_does_not_stop_the_others(self):
        self.write("repo: [app, gone]", "", "include-tag: none\nfail-on-empty: true")
        reports = self.sync_json(code=PARTIAL)
        self.assertEqual([report["exit_code"] for report in reports.values()], [PARTIAL, 0, NOT_FOUND])
        self.assertEqual(len(self.arrived()), 3 + 9)

    def test_a_failure_of_one_kind_keeps_its_code(self):
        for number in range(20):
            self.destination.load(small(f"extra {number}"), "j1/app", f"extra{number}")
        self.write("delete-extra: true")
        result = self.sync(code=SAFETY_LIMIT)
        self.assertIn("job job1: ", result.stderr, "which job it was")
        self.assertEqual(self.destination.requests("DELETE"), [])

    def test_fail_fast(self):
        self.write("repo: gone\nfail-fast: true", "")
        reports = self.sync_json(code=PARTIAL)
        self.assertEqual(list(reports), ["job1"])
        self.assertEqual(self.arrived(), set())

    def test_a_locked_job(self):
        self.source.rule("GET", "/blobs/", faults.Delay(1))
        self.write("include-repo: app")
        # One after the other, so that it still runs when its first tag has arrived.
        first = self.program.start("sync", "--config", self.path, "--jobs-per-host", "2", "--jobs", "1")
        self.addCleanup(lambda: first.alive() and first.send_signal(signal.SIGKILL))
        process.wait_until(lambda: tags_of(self.destination), 20)
        self.sync(code=LOCKED)
        self.assertEqual(first.wait(60).exit_code, 0)

    def test_a_signal_ends_all_jobs(self):
        self.source.rule("GET", "/blobs/", faults.Delay(0.2))
        self.write("", "")
        run = self.program.start("sync", "--config", self.path, "--output", "json", "--jobs-per-host", "2")
        process.wait_until(lambda: tags_of(self.destination), 20)
        began = time.monotonic()
        run.send_signal(signal.SIGTERM)
        result = run.wait(20)
        self.assertEqual(result.exit_code, 143, result)
        self.assertLess(time.monotonic() - began, 5.5)
        self.assertEqual([entry["job"] for entry in result.json], ["job1"])
        self.assert_no_open_uploads(self.destination)
        self.assertFalse(any(name.startswith("j2/") for name in self.arrived()))


class Secrets(SyncCase):
    def setUp(self):
        super().setUp()
        self.source.behaviour.basic = ("ci", SECRET)

    def test_from_the_environment(self):
        self.write("src-username: ci\nsrc-password: ${MIRROR_PASSWORD}\ninclude-repo: ${WHICH}*")
        result = self.sync("--log-level", "debug", env={"MIRROR_PASSWORD": SECRET, "WHICH": "team/"})
        self.assertEqual(len(self.arrived()), 6)
        self.assertNotIn(SECRET, result.stdout + result.stderr)

    def test_from_a_file(self):
        password = self.directory / "password"
        password.write_text(SECRET + "\n")
        password.chmod(0o600)
        self.write(f"src-username: ci\nsrc-password-file: {password}")
        self.sync()
        self.assertEqual(len(self.arrived()), 9)

    def test_a_variable_that_is_not_set(self):
        self.write("src-username: ci\nsrc-password: ${MIRROR_PASSWORD}")
        result = self.sync(code=USAGE)
        self.assertIn("MIRROR_PASSWORD", result.stderr)
        self.assertIn(f"{self.path}:", result.stderr)

    def test_inline_secrets_are_refused(self):
        for value in (SECRET, "x${MIRROR_PASSWORD}", "${MIRROR_PASSWORD}${MIRROR_PASSWORD}", "$${MIRROR_PASSWORD}"):
            with self.subTest(value=value):
                text = self.write(f"src-username: ci\nsrc-password: \"{value}\"")
                result = self.sync(code=USAGE, env={"MIRROR_PASSWORD": "abcdef"})
                line = next(n for n, content in enumerate(text.splitlines(), 1) if "src-password" in content)
                self.assertIn(f"{self.path}:{line}", result.stderr)
                self.assertNotIn("hunter2", result.stderr)
                self.assertNotIn("abcdef", result.stderr)
        self.assertEqual(self.source.journal, [])


class Schema(SyncCase):
    def refused(self, text, line, *words, command=("sync", "--config")):
        self.path.write_text(text)
        result = self.refuse(USAGE, *command, self.path, words=words)
        self.assertIn(f"{self.path}:{line}" if line else str(self.path), result.stderr, text)

    def test_what_is_wrong_is_told_with_its_line(self):
        job = "jobs:\n  - name: a\n    source: s.test\n    destination: d.test\n"
        table = (
            (job + "    colour: red\n", 5, "colour"),
            (job + "    inclde-tag: v1\n", 5, "include-tag"),
            (job + "    latest: 1\n    include-tag: v*\n    latest: 2\n", 7, "latest"),
            (job + "    latest: many\n", 5, "latest"),
            (job + "    latest: [1, 2]\n", 5, "latest"),
            (job + "    include-tag: {a: b}\n", 5, "include-tag"),
            (job + "    include-tag:\n", 5, "include-tag"),
            (job + "    source: again.test\n", 5, "source"),
            (job + "    only: a\n", 5, "only"),
            (job + "    output: json\n", 5, "output"),
            (job + "jobs: []\n", 5, "jobs"),
            (job + "extra: 1\n", 5, "extra"),
            (job + "  - name: a\n    source: s\n    destination: d\n", 5, '"a"'),
            ("version: 2\n" + job, 1, "version"),
            ("defaults:\n  tags: v1\n" + job, 2, "tags"),
            ("defaults:\n  latest: 1\n  latest: 2\n" + job, 3, "latest"),
            ("jobs:\n  - name: a\n    source: s.test\n", 2, "destination"),
            ("jobs:\n  - source: s.test\n    destination: d.test\n", 2, "name"),
            ("jobs: []\n", 1, "jobs"),
            ("- a\n- b\n", 1, "jobs"),
            ("jobs:\n  - name: [a\n", 0),
            ("", 0, "jobs"),
            ("a: &a [x]\njobs: *b\n", 0),
        )
        for text, line, *words in table:
            with self.subTest(text=text):
                self.refused(text, line, *words)
                self.refused(text, line, *words, command=("config", "check"))

    def test_a_job_that_can_not_be_run_is_named(self):
        for lines, words in (("include-tag: \"v[0\"", ("job1", "yaml:9: include-tag: pattern", "v[0", "position")), ("map: team", ("job1", "yaml:9: map: \"team\"")),
                             ("repos-file: /nonexistent/file", ("job1", "/nonexistent/file"))):
            with self.subTest(lines=lines):
                self.write(lines)
                result = self.program.run("sync", "--config", self.path)
                self.assertIn(result.exit_code, (USAGE, NOT_FOUND), result)
                for word in words:
                    self.assertIn(word, result.stderr)
        self.assertEqual(self.source.journal, [])

    def test_two_jobs_that_write_one_file(self):
        self.write("report: /tmp/same.json", "report: /tmp/./same.json")
        self.assertIn("/tmp/", self.sync(code=USAGE).stderr)

    def test_config_check(self):
        self.write("include-tag: v*", "src-username: ci\nsrc-password: ${PASSWORD}")
        result = self.succeed("config", "check", self.path, env={"PASSWORD": SECRET})
        self.assertEqual(result.stdout.splitlines(), [f"job{n}: {self.source.host} → {self.destination.host}/j{n}"
                                                      for n in (1, 2)])
        listed = json.loads(self.succeed("config", "check", "--output", "json", self.path, env={"PASSWORD": SECRET}).stdout)
        self.assertEqual(listed, [{"job": f"job{n}", "source": self.source.host, "destination": f"{self.destination.host}/j{n}"}
                                  for n in (1, 2)])
        self.assertEqual(self.source.journal + self.destination.journal, [])
        self.refuse(USAGE, "config", "check", self.path, words="PASSWORD")
        self.refuse(USAGE, "config", "check")
        self.refuse(USAGE, "config", "burn", self.path)

    def test_a_dollar_sign(self):
        self.write("include-tag: \"re:v1$$\"")
        self.sync()
        self.assertEqual(self.arrived(), {"j1/app:v1", "j1/team/web:v1", "j1/team/db:v1"})


class FilterTest(TreeCase):
    FILTERS = ("--include-tag", "v[0-9]*", "--include-tag", "semver:>=3", "--exclude-tag", "*-rc*")
    TAGS = ("v1.0", "v1.1-rc1", "latest", "4.0.0", "team/app:v2", "localhost:5000/team/app:latest")

    def test_text(self):
        lines = self.succeed("filter-test", *self.FILTERS, *self.TAGS).stdout.splitlines()
        self.assertEqual([line.split()[:2] for line in lines], [
            ["in", "v1.0"], ["out", "v1.1-rc1"], ["out", "latest"], ["in", "4.0.0"], ["in", "team/app:v2"],
            ["out", "localhost:5000/team/app:latest"],
        ])
        for line, word in zip(lines, ("v[0-9]*", "*-rc*", "no --include-tag", "semver:>=3", "v[0-9]*", "no --include-tag")):
            self.assertIn(word, line)

    def test_json_from_standard_input(self):
        result = self.succeed("filter-test", "--output", "json", *self.FILTERS, stdin="\n".join(self.TAGS).encode() + b"\n\n")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([line["tag"] for line in lines], list(self.TAGS))
        self.assertEqual([line["selected"] for line in lines], [True, False, False, True, True, False])
        self.assertEqual([line["tier"] for line in lines], ["glob", "contains", None, "version range", "glob", None])

    def test_digest_tags(self):
        tag = "sha256-" + "0" * 64
        result = self.succeed("filter-test", "--skip-digest-tags", tag, tag + ".sig", "sha256-short")
        self.assertEqual([line.split()[0] for line in result.stdout.splitlines()], ["out", "out", "in"])

    def test_it_agrees_with_a_replication(self):
        source, destination = self.scripted(), self.scripted()
        tags = ("v1.0", "v1.1-rc1", "latest", "4.0.0", "3.0.0-beta", "v10", "edge")
        fill(source, {("app", tag): small(tag) for tag in tags})
        self.replicate(source, destination, *self.FILTERS)
        result = self.succeed("filter-test", "--output", "json", *self.FILTERS, *tags)
        selected = {line["tag"] for line in map(json.loads, result.stdout.splitlines()) if line["selected"]}
        self.assertEqual({tag for _, tag in tags_of(destination)}, selected)

    def test_bad_patterns_and_control_characters(self):
        self.refuse(USAGE, "filter-test", "--include-tag", "re:(", "v1", words="position")
        for name in ("bad tag", ".v1", "app:", "v" * 129):
            self.assertRegex(self.succeed("filter-test", name).stdout, "^out .* not a tag$")
        self.assertIn("\\x1b", self.succeed("filter-test", "\x1b[31m").stdout)

    def test_a_hundred_thousand_tags(self):
        """Ten times as many take ten times as long, not a hundred times: processor time, which no other program's work prolongs
        much, and twice what it should be."""
        used = []
        for count in (10_000, 100_000):
            tags = "\n".join(f"v{n // 1000}.{n % 1000}-{'rc' if n % 7 == 0 else 'ga'}{n}" for n in range(count)).encode()
            result = self.program.measure("filter-test", *self.FILTERS, "--include-tag", "re:.*[13579]", stdin=tags)
            self.assertEqual(result.exit_code, OK, result)
            self.assertEqual(len(result.stdout.splitlines()), count)
            used.append(max(result.cpu_seconds, 0.02))
        self.assertLess(used[1], 20 * used[0])
        self.assertLess(used[1], 10)


if __name__ == "__main__":
    unittest.main()
