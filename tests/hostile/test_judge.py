"""The oracle can fail: a good run is tampered with in each way that it has to notice."""

import dataclasses
import json
import pathlib
import sys
import types
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from judge import MAX_RSS_KIB, Judge  # noqa: E402
from row import COPY, TREE, Row  # noqa: E402
from stage import Stage  # noqa: E402
from support import images  # noqa: E402
from support.case import Case  # noqa: E402
from support.oracle import NotWhole  # noqa: E402
from support.scripted import Upload  # noqa: E402
from support.wire import Headers, Request  # noqa: E402


class Tampered(Case):
    row = Row(1, "a good run", "NEW", setup=lambda stage: None)

    def setUp(self):
        super().setUp()
        self.stage = Stage(self, COPY)
        self.judge = Judge(self, self.stage, self.row)
        self.result = self.stage.run()
        self.judge.after(self.result, self.judge.outcome(self.result, "NEW"))

    def notices(self, *errors):
        with self.assertRaises(errors or AssertionError):
            self.judge.after(self.result, "NEW")

    def request(self, server, target="/v2/", **headers):
        pairs = [(name, value) for name, value in headers.items()]
        server.journal.append(Request(len(server.journal) + 1, 1, "GET", target, Headers(pairs)))

    def test_another_class(self):
        with self.assertRaises(AssertionError):
            self.judge.outcome(self.result, "TEMP|INTEG")

    def test_an_old_tag_and_a_third_one(self):
        self.stage.destination.load(self.stage.old, "app", "v1")
        self.notices()
        self.stage.destination.load(images.single("third", layers=1), "app", "v1")
        self.notices()

    def test_a_blob_that_is_missing_or_wrong_anywhere(self):
        blobs = self.stage.destination.repository("app").blobs
        data = blobs.pop(self.stage.layer)
        self.notices(NotWhole)
        blobs[self.stage.layer] = data[:-1] + bytes([data[-1] ^ 1])
        self.notices(NotWhole)

    def test_an_open_session(self):
        self.stage.destination.uploads["left"] = Upload("app")
        self.notices()

    def test_a_temporary_file(self):
        (self.program.temporary / "left").write_text("")
        self.notices()

    def test_a_secret_at_another_registry(self):
        self.request(self.stage.destination, Authorization=f"Basic {self.stage.source.account.basic}")
        self.notices()

    def test_a_secret_in_a_target_at_a_second_origin(self):
        self.request(self.stage.second, f"/x?password={self.stage.destination.account.password}")
        self.notices()

    def test_a_password_of_nobody_at_a_second_origin(self):
        self.request(self.stage.second, Authorization="Basic eDp5")
        self.notices()

    def test_a_login_of_a_host_that_looks_alike(self):
        self.request(self.stage.source, Authorization=f"Basic {self.stage.lookalike.basic}")
        self.notices()

    def test_a_secret_in_the_output_or_a_file(self):
        (self.directory / "log").write_text(f"token {self.stage.source.account.password}")
        self.notices()
        (self.directory / "log").unlink()
        self.result.stderr = f"sent {self.stage.source.account.basic}"
        self.notices()

    def test_too_many_requests_and_too_much_memory(self):
        self.result.requests = self.row.max_requests + 1
        self.notices()
        self.result.requests, self.result.peak_rss_kib = 1, MAX_RSS_KIB + 1
        self.notices()

    def test_a_run_that_takes_too_long(self):
        self.result.seconds = self.judge.seconds(self.row.max_seconds) + 1
        self.notices()

    def test_what_a_terminal_would_obey(self):
        for text in ("\x1b[31m", "\x7f", "\x9b31m", "\u202e", "\u2066"):
            for stream in ("stdout", "stderr"):
                with self.subTest(text=text, stream=stream):
                    result = dataclasses.replace(self.result, **{stream: f"from afar: {text}"})
                    with self.assertRaises(AssertionError):
                        self.check_run(result)

    def test_a_second_run_that_writes(self):
        self.stage.options += ["--overwrite", "always"]
        with self.assertRaises(AssertionError):
            self.judge.converges("NEW")


class TamperedTree(Case):
    """A tree whose one image failed; the other one must have arrived."""

    row = Row(1, "a good run", "NEW", setup=lambda stage: None)

    def setUp(self):
        super().setUp()
        self.stage = Stage(self, TREE)
        self.judge = Judge(self, self.stage, self.row)
        self.result = self.stage.run()

    def reported(self, **classes):
        """The result of a run that reports these errors, by repository."""
        entries = [{"source_repository": name, "tag": "v1", "outcome": "failed" if classes.get(name) else "copied",
                    "error_class": classes.get(name)} for name in ("app", "other")]
        return types.SimpleNamespace(exit_code=3, stdout=json.dumps({"references": entries}))

    def test_the_report_says_so(self):
        with self.assertRaises(AssertionError):
            self.judge.outcome(self.reported(app="temporary", other="temporary"), "TEMP")
        result = self.reported(app="temporary")
        self.assertEqual(self.judge.outcome(result, "TEMP"), "TEMP")
        with self.assertRaises(AssertionError):
            self.judge.outcome(result, "INTEG")

    def test_the_destination_says_so(self):
        """And the report lies."""
        self.assertEqual(self.judge.outcome(self.result, "NEW"), "NEW")
        other = self.stage.destination.repository("other")
        for tags in ({}, {"v1": self.stage.old.digest}, {**other.tags, "v2": self.stage.old.digest}):
            with self.subTest(tags=tags):
                other.tags = tags
                with self.assertRaises(AssertionError):
                    self.judge.outcome(self.result, "NEW")
                with self.assertRaises(AssertionError):
                    self.judge.outcome(self.reported(app="temporary"), "TEMP")

    def test_a_rerun_does_not_bring_it(self):
        self.stage.options += ["--repo", "app"]
        del self.stage.destination.repository("other").tags["v1"]
        with self.assertRaises(AssertionError):
            self.judge.converges("NEW")


if __name__ == "__main__":
    unittest.main()
