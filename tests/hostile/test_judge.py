"""The oracle can fail: a good run is tampered with in each way that it has to notice."""

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

    def test_a_second_run_that_writes(self):
        self.stage.options += ["--overwrite", "always"]
        with self.assertRaises(AssertionError):
            self.judge.converges("NEW")

    def test_a_tree_whose_other_image_did_not_arrive(self):
        stage = types.SimpleNamespace(command=TREE)
        entries = [{"source_repository": name, "tag": "v1", "outcome": outcome, "error_class": error_class}
                   for name, outcome, error_class in (("app", "failed", "temporary"), ("other", "failed", "temporary"))]
        result = types.SimpleNamespace(exit_code=3, stdout=json.dumps({"references": entries}))
        judge = Judge(self, stage, self.row)
        with self.assertRaises(AssertionError):
            judge.outcome(result, "TEMP")
        entries[1] |= {"outcome": "copied", "error_class": None}
        result.stdout = json.dumps({"references": entries})
        self.assertEqual(judge.outcome(result, "TEMP"), "TEMP")
        with self.assertRaises(AssertionError):
            judge.outcome(result, "INTEG")


if __name__ == "__main__":
    unittest.main()
