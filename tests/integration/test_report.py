"""report: what --report wrote is shown as tables, as plots, and as a picture."""

import json
import re
import unittest
from xml.etree import ElementTree

from support.case import LOCAL, USAGE
from support.tree import TreeCase, fill, fleet, read_report

SVG = "{http://www.w3.org/2000/svg}"

# Members that a run may be too short for, and that earlier versions do not write.
MONITOR = {
    "operations": [
        {"operation": "blob_copy", "count": 30, "errors": 1, "bytes": 3 << 20, "items": 0, "seconds_total": 2.5, "p50_ms": 20.5,
         "p90_ms": 80, "p99_ms": 120, "max_ms": 130},
    ],
    "memory": {"budget_bytes": 64 << 20, "budget_source": "--max-memory", "level": "normal", "waits": 2, "shrunk": 0, "trims": 0,
               "transitions": []},
    "samples": {
        "interval_ms": 500,
        "columns": ["seconds", "bytes_moved", "rss_bytes", "cpu_seconds", "blobs_in_flight", "blob_p99_ms"],
        "rows": [[0.5, 1 << 20, 30 << 20, 0.1, 4, 20], [1, 3 << 20, 30 << 20, 0.2, 4, None], [1.5, 4 << 20, 30 << 20, 0.3, 1, 40]],
    },
    "alerts": [{"alert": "rss>1MiB", "value": 30 << 20, "message": "<resident> & \"more\"\u001b[2J", "seconds": 0.5}],
}


class Report(TreeCase):
    def setUp(self):
        super().setUp()
        self.report, self.old, self.svg = (self.directory / name for name in ("new.json", "old.json", "plot.svg"))

    def replicated(self):
        """A run that copies, whose report is `old`, and one that finds all equal, whose report is `report`."""
        source, destination = self.registry(), self.registry()
        fill(source, fleet(3, 4))
        self.replicate(source, destination, "--report", self.old)
        self.replicate(source, destination, "--report", self.report)
        return source, destination

    def widened(self, path, **changes):
        """The report with what the monitor adds to it."""
        report = read_report(path)
        report.update(changes)
        report["performance"].update(MONITOR)
        path.write_text(json.dumps(report))

    def show(self, *arguments, **more):
        return self.succeed("report", *arguments, **more).stdout

    def picture(self):
        """The SVG, parsed: (root, all texts, curves)."""
        root = ElementTree.parse(self.svg).getroot()
        self.assertEqual(root.tag, SVG + "svg")
        texts = [element.text for element in root.iter(SVG + "text")]
        curves = [element for element in root.iter(SVG + "path") if element.get("fill") == "none"]
        return root, texts, curves

    def row(self, text, label):
        found = re.search(rf"^  {label}  +(.*)$", text, re.MULTILINE)
        self.assertTrue(found, text)
        return found[1].split()

    def test_a_real_report(self):
        source, destination = self.replicated()
        text = self.show(self.old)
        report = read_report(self.old)
        self.assertTrue(text.startswith(f"{source.host} → {destination.host}, begun {report['started']}\n"), text)
        self.assertEqual(self.row(text, "tags"), ["12"])
        self.assertEqual(self.row(text, "copied"), ["12"])
        self.assertEqual(self.row(text, "blobs copied"), [str(report["performance"]["blobs"]["copied"])])
        self.assertEqual(self.row(text, "failed"), ["0"])

    def test_two_real_reports(self):
        self.replicated()
        text = self.show(self.report, "--compare", self.old, "--svg", self.svg)
        self.assertIn("OLD           NEW      CHANGE", text)
        self.assertEqual(self.row(text, "tags"), ["12", "12", "="])
        self.assertEqual(self.row(text, "copied"), ["12", "0", "-100.0", "%"])
        self.assertEqual(self.row(text, "equal"), ["0", "12"])
        self.assertNotIn("different sources", text)
        _, texts, _ = self.picture()
        self.assertTrue(any(words.startswith("new: ") for words in texts), texts)
        self.assertTrue(any(words.startswith("old: ") for words in texts), texts)

    def test_json(self):
        source, _ = self.replicated()
        document = json.loads(self.show(self.report, "--compare", self.old, "--output", "json"))
        self.assertEqual(document["report"]["source"], source.host)
        self.assertEqual(document["report"]["references"], 12)
        self.assertEqual(document["old"]["figures"]["totals.copied"], 12)
        changes = {change["figure"]: change for change in document["changes"]}
        self.assertEqual((changes["totals.equal"]["old"], changes["totals.equal"]["new"]), (0, 12))
        self.assertNotIn("old", json.loads(self.show(self.report, "--output", "json")))

    def test_plots(self):
        self.replicated()
        self.widened(self.old)
        text = self.show(self.old, "--svg", self.svg)
        self.assertIn("\nThroughput, MiB/s\n", text)
        self.assertIn("\nLatency of a blob, 99th percentile so far, ms\n", text)
        self.assertIn("█", text)
        self.assertIn("64.0 MiB  --max-memory", text)
        self.assertIn('rss>1MiB after 500 ms: <resident> & "more"\\x1b[2J', text)
        self.assertNotIn("note:", text)
        _, texts, curves = self.picture()
        self.assertIn("Throughput, MiB/s", texts)
        self.assertIn("4", texts)  # the tick above 4 MiB/s, the most in a sample
        self.assertIn("1.4 s", texts)
        # One of throughput, two of latency: it has a gap.
        self.assertEqual([curve.get("d").count("H") for curve in curves], [3, 1, 1])
        self.assertEqual([curve.get("stroke-dasharray") for curve in curves], [None] * 3)

    def test_plots_of_two_runs_and_of_one_that_has_none(self):
        self.replicated()
        bare = self.directory / "bare.json"
        report = read_report(self.old)
        for member in MONITOR:
            report["performance"].pop(member, None)
        bare.write_text(json.dumps(report))
        self.widened(self.report, source="<&\"'>\uffff" + "x" * 1000)
        self.widened(self.old)
        text = self.show(self.report, "--compare", self.old, "--svg", self.svg)
        self.assertIn("\nThroughput, new, MiB/s\n", text)
        self.assertIn("\nThroughput, old, MiB/s\n", text)
        self.assertIn("note: The two runs have different sources or destinations.", text)
        root, texts, curves = self.picture()
        self.assertEqual(len(curves), 6)
        self.assertEqual(sum(curve.get("stroke-dasharray") is not None for curve in curves), 3)
        self.assertEqual([texts.count(name) for name in ("new", "old")], [2, 2])
        width, height = (float(root.get(name)) for name in ("width", "height"))
        for curve in curves:
            start = re.match(r"M([\d.]+) ([\d.]+)", curve.get("d"))
            self.assertTrue(0 < float(start[1]) < width and 0 < float(start[2]) < height)
        text = self.show(bare, "--svg", self.svg)
        self.assertIn("note: The report has no operations and no samples over time", text)
        self.assertEqual(self.picture()[1].count("nothing was sampled over time"), 2)

    def test_a_terminal_without_utf_8_gets_ascii(self):
        self.replicated()
        self.widened(self.old)
        text = self.show(self.old, env={"LC_ALL": "C"})
        self.assertTrue(text.isascii())
        self.assertIn("####", text)

    def test_what_can_not_be_shown(self):
        self.replicated()
        self.refuse(USAGE, "report", words="report takes FILE")
        self.refuse(USAGE, "report", self.report, self.old, words="report takes FILE")
        self.refuse(USAGE, "report", self.directory / "none.json", words="none.json")
        self.refuse(USAGE, "report", self.report, "--compare", self.directory / "none.json", words="none.json")
        self.refuse(LOCAL, "report", self.directory)
        whole = self.old.read_bytes()
        for spoilt, words in ((whole[:-3], "not JSON"), (b"{}", "freightliner_report"), (b"", "not JSON"), (b"\x7fELF\0", "NUL byte"),
                              (whole.replace(b'"freightliner_report":1', b'"freightliner_report":2'), "format is 2")):
            self.old.write_bytes(spoilt)
            self.refuse(USAGE, "report", self.old, words=("old.json", words))
            self.refuse(USAGE, "report", self.report, "--compare", self.old, words=("old.json", words))
        self.refuse(USAGE, "report", self.report, "--svg", self.report, words=("--svg", "name another"))
        self.refuse(USAGE, "report", self.report, "--compare", self.old, "--svg", self.old, words=("--svg", "name another"))
        self.refuse(LOCAL, "report", self.report, "--svg", self.directory, words="not a regular file")
        link = self.directory / "link.svg"
        link.symlink_to(self.svg)
        self.refuse(LOCAL, "report", self.report, "--svg", link, words="symbolic link")
        self.assertTrue(link.is_symlink())
        self.refuse(LOCAL, "report", self.report, "--svg", self.directory / "none/plot.svg", words="create it first")
        self.assertFalse(self.svg.exists())


if __name__ == "__main__":
    unittest.main()
