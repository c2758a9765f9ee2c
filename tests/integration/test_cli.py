"""The command line: help, version, wrong options, the names that other tools use, formats of output."""

import json
import subprocess
import unittest

from support import images
from support.case import LOCAL, USAGE, Case, at


class Basics(Case):
    def test_version(self):
        result = self.succeed("--version")
        self.assertRegex(result.stdout, r"^freightliner \d+\.\d+\.\d+")
        self.assertEqual(result.stderr, "")

    def test_help(self):
        general = self.succeed("--help").stdout
        self.assertIn("copy", general)
        text = self.succeed("copy", "--help").stdout
        for option in ("--platform", "--dry-run", "--overwrite", "--also-tag", "--referrers", "--output", "--jobs", "--chunk-size",
                       "--authfile", "--src-username", "--src-password-file", "--dest-username", "--dest-password-file",
                       "--token-host", "--ca-file", "--cert-dir", "--plain-http", "--insecure-tls", "--timeout", "--progress",
                       "--log-level", "--log-format"):
            self.assertIn(option, text)

    def test_neither_reads_nor_asks_anything(self):
        """A broken configuration does not keep help and version from working."""
        docker = self.program.home / ".docker"
        docker.mkdir()
        (docker / "config.json").write_text("{")
        self.succeed("--version")
        self.succeed("copy", "--help")

    def test_nothing_and_too_much(self):
        for arguments in ((), ("copy",), ("copy", "a"), ("copy", "a", "b", "c"), ("frobnicate",), ("--frobnicate",)):
            with self.subTest(arguments=arguments):
                result = self.program.run(*arguments)
                self.assertEqual(result.exit_code, USAGE, result)
                self.check_run(result)
                self.assertTrue(result.stderr.strip(), result)

    def test_a_close_name_is_suggested(self):
        self.refuse(USAGE, "copi", "a", "b", words="copy")
        self.refuse(USAGE, "copy", "--plattform", "linux/amd64", "a", "b", words="--platform")

    def test_closed_standard_output(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([self.program.binary, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(done.returncode, LOCAL)


class OtherTools(Case):
    """Names that skopeo, crane, regctl and oras have: exit 2, and ours in the message."""

    OURS = {
        "--src-creds=u:p": "--src-password-file",
        "--dest-creds=u:p": "--dest-password-file",
        "--src-tls-verify=false": "--insecure-tls",
        "--dest-tls-verify=false": "--insecure-tls",
        "--src-authfile=f": "--authfile",
        "--dest-cert-dir=d": "--cert-dir",
        "--additional-tag=x": "--also-tag",
        "--all": "--platform",
        "-a": "--platform",
        "--insecure": "--insecure-tls",
        "--no-clobber": "--overwrite",
        "--digest-tags": "--referrers",
        "--retry-times=3": "--retries",
        "--quiet": "--progress",
        "--debug": "--log-level",
        "--recursive": "--referrers",
        "--concurrency=3": "--jobs",
        "--command-timeout=3s": "--timeout",
    }

    def test_flags(self):
        for flag, ours in self.OURS.items():
            with self.subTest(flag=flag):
                result = self.refuse(USAGE, "copy", flag, "oci:a:1", "oci:b:1", words=ours)
                self.assertEqual(len(result.stderr.splitlines()), 1, result)
                self.assertNotIn("u:p", result.stderr)

    def test_a_value_as_the_next_word(self):
        result = self.refuse(USAGE, "copy", "--src-creds", "user:hunter2", "oci:a:1", "oci:b:1", words="--src-password-file")
        self.assertNotIn("hunter2", result.stderr)


class Values(Case):
    def test_values_out_of_range(self):
        for option, value in (("--jobs", "0"), ("--jobs", "-1"), ("--jobs", "many"), ("--jobs", "9999999999999999999999"),
                              ("--chunk-size", "12parsecs"), ("--chunk-size", ""), ("--timeout", "soon"), ("--timeout", "-1s"),
                              ("--output", "xml"), ("--progress", "disco"), ("--log-level", "loud"), ("--log-format", "yaml"),
                              ("--overwrite", "maybe"), ("--token-host", "nohost"), ("--plain-http", "http://x/"),
                              ("--insecure-tls", "")):
            with self.subTest(option=option, value=value):
                self.refuse(USAGE, "copy", f"{option}={value}", "oci:a:1", "oci:b:1", words=option)

    def test_flag_beats_environment_beats_default(self):
        images.write_layout(images.single(), self.directory / "source", "v1")
        pair = (f"oci:{self.directory}/source:v1", f"oci:{self.directory}/to:v1")
        self.assertIn("digest", self.succeed("copy", *pair, env={"FREIGHTLINER_OUTPUT": "json"}).json)
        text = self.succeed("copy", "--output", "text", *pair, env={"FREIGHTLINER_OUTPUT": "json"}).stdout
        self.assertRaises(json.JSONDecodeError, json.loads, text)
        self.refuse(USAGE, "copy", *pair, env={"FREIGHTLINER_JOBS": "none"}, words="FREIGHTLINER_JOBS")


class Output(Case):
    def setUp(self):
        super().setUp()
        self.source = self.scripted()
        self.source.load(images.single(), "a", "v1")
        self.pair = (at(self.source, "a", "v1"), f"oci:{self.directory}/to:v1")

    def test_stdout_carries_the_result_alone(self):
        result = self.succeed("copy", "--log-level", "debug", "--progress", "plain", "--output", "json", *self.pair)
        self.assertEqual(len(result.stdout.splitlines()), 1)
        self.assertIn("digest", result.json)
        self.assertTrue(result.stderr)

    def test_the_log_as_json(self):
        result = self.succeed("copy", "--log-level", "debug", "--log-format", "json", "--progress", "none", *self.pair)
        lines = result.stderr.splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertIsInstance(json.loads(line), dict)

    def test_no_colour_where_no_terminal_is(self):
        result = self.succeed("copy", "--log-level", "debug", "--progress", "plain", *self.pair)
        self.assertNotIn("\x1b", result.stderr + result.stdout)

    def test_errors_as_json_on_stderr_too(self):
        result = self.program.run("copy", "--log-format", "json", "oci:/nonexistent:v1", self.pair[1])
        self.assertEqual(result.exit_code, 5, result)
        for line in result.stderr.splitlines():
            json.loads(line)


if __name__ == "__main__":
    unittest.main()
