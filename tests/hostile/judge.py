"""The oracle: what must hold after a run, whatever the fault was. It looks at bytes, journals and files, never through the
program under test."""

import json
import os

from row import CLASSES, PARTIAL, TREE
from stage import BYSTANDER, REPOSITORY, TAG
from support import oracle

# Peak resident size of a run with images of this size, whatever the remote sends.
MAX_RSS_KIB = int(os.environ.get("FREIGHTLINER_HOSTILE_RSS_MIB", "64")) * 1024
# How much longer a run may take under a sanitizer.
SANITIZED = 5


class Judge:
    def __init__(self, case, stage, row):
        self.case, self.stage, self.row = case, stage, row

    # --- after the run with the fault

    def outcome(self, result, expect):
        """The class is one of `expect` ("NEW|INTEG"), told in the exit code and, of a tree, in its report."""
        classes = expect.split("|")
        if self.stage.command == TREE and (not self.row.host_wide or result.exit_code == PARTIAL):
            return self._tree_outcome(result, classes)
        codes = {CLASSES[name][0]: name for name in classes}
        self.case.assertIn(result.exit_code, codes, result)
        found = codes[result.exit_code]
        if found != "NEW":
            self._failure_is_told(result, CLASSES[found][1])
        return found

    def _failure_is_told(self, result, error_class):
        document = json.loads(result.stdout)
        told = document.get("error") or {}
        self.case.assertEqual(told.get("class") or document.get("error_class"), error_class, result)
        self.case.assertTrue(result.stderr.strip(), result)

    def _tree_outcome(self, result, classes):
        report = json.loads(result.stdout)
        failed = {entry["error_class"] for entry in report["references"]
                  if entry["source_repository"] == REPOSITORY and entry["error_class"]}
        found = "NEW" if result.exit_code == 0 else next(
            (name for name in classes if failed == {CLASSES[name][1]} and result.exit_code == PARTIAL), None)
        self.case.assertIn(found, classes, result)
        bystander = {(entry["tag"], entry["outcome"] in ("copied", "equal")) for entry in report["references"]
                     if entry["source_repository"] == BYSTANDER}
        if not self.row.host_wide:
            self.case.assertEqual(bystander, {(TAG, True)}, f"what has no fault arrives\n{result}")
            self._bystander_arrived(result)
        return found

    def _bystander_arrived(self, result):
        """By what the destination has, whatever the report says; that it is whole is seen with all other tags."""
        tags = self.stage.destination.repository(BYSTANDER).tags
        self.case.assertEqual(tags, {TAG: self.stage.bystander.digest}, result)

    def after(self, result, outcome):
        """Everything but the class."""
        self.destination(outcome)
        self.secrets(result)
        self.bounds(result)
        self.case.check_run(result)
        self.sessions()

    def destination(self, outcome):
        wanted = (self.stage.wanted or self.stage.image.digest) if outcome == "NEW" else self.stage.old.digest
        tags = self.stage.destination.repository(REPOSITORY).tags
        if not self.row.tag_is_its_own or outcome == "NEW":
            self.case.assertEqual({tag: tags[tag] for tag in tags if tag not in self.stage.more_tags}, {TAG: wanted})
        self.whole()

    def whole(self):
        """Every tag that the destination has."""
        for name, held in list(self.stage.destination.repositories.items()):
            for tag in held.tags:
                oracle.verify_scripted(self.stage.destination, name, tag)

    def bounds(self, result):
        self.case.assertLessEqual(result.requests, self.row.max_requests, result)
        self.case.assertLessEqual(result.peak_rss_kib, MAX_RSS_KIB, result)
        self.case.assertLessEqual(result.seconds, self.seconds(self.row.max_seconds), result)

    def seconds(self, limit):
        """A limit of time, as it is for this build of the program."""
        return limit * (SANITIZED if self.case.is_sanitized() else 1)

    def sessions(self):
        if not self.row.sessions_stay:
            self.case.assert_no_open_uploads(self.stage.destination)

    def secrets(self, result):
        """Each canary stays where it belongs: at its own server, and in the file that the user keeps it in."""
        stage = self.stage
        all_canaries = [canary for account in stage.accounts for canary in account.canaries]
        told = result.stdout + result.stderr + " ".join(result.arguments)
        self.case.assertEqual([canary for canary in all_canaries if canary in told], [], result)
        for server in {stage.source, stage.destination, *stage.others}:
            accounts = [server.account, *getattr(server, "more_accounts", [])] if hasattr(server, "account") else []
            own = [canary for account in accounts for canary in account.canaries]
            foreign = [canary for canary in all_canaries if canary not in own]
            for request in list(server.journal):
                text = "\n".join([request.target, *(value for _, value in request.headers.pairs)])
                self.case.assertEqual([canary for canary in foreign if canary in text], [],
                                      f"a foreign secret came to {server.host}: {request.method} {request.target}")
            if server in stage.others and hasattr(server, "account"):
                self._second_origin(server)
        for path in self.case.directory.rglob("*"):
            if path.is_file() and path not in stage.secret_files:
                data = path.read_bytes()
                self.case.assertEqual([canary for canary in all_canaries if canary.encode() in data], [], path)

    def _second_origin(self, server):
        """It gave nobody a password, so nobody has any for it."""
        for request in server.journal:
            self.case.assertNotRegex(request.headers.get("Authorization", ""), "(?i)^basic", request.target)

    # --- when the fault is gone

    def converges(self, outcome):
        """A run without faults makes all whole; a second one moves no blob and writes nothing."""
        if outcome != "NEW":
            self._good_run()
        marks = {registry: len(registry.journal) for registry in (self.stage.source, self.stage.destination)}
        result = self._good_run()
        for registry, mark in marks.items():
            later = registry.requests(since=mark)
            self.case.assertEqual([f"{r.method} {r.target}" for r in later if r.writes and r.path != "/token"], [], result)
            self.case.assertEqual([r.target for r in later if r.method == "GET" and "/blobs/" in r.path], [], result)

    def _good_run(self):
        result = self.stage.run()
        self.case.assertEqual(result.exit_code, 0, result)
        self.after(result, "NEW")
        if self.stage.command == TREE:
            self._bystander_arrived(result)
        return result
