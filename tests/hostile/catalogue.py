"""The catalogue of faults as a whole: which case is proven where. Prints README.md."""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

CLASSES = {
    "blob_read": "Blobs that are read",
    "throttling": "Throttling, 5xx, and answers that are none",
    "authentication": "Authentication",
    "upload": "Uploads",
    "manifests": "Manifests",
    "listing": "Lists, and what is deleted by them",
    "network": "Network, proxies, TLS",
    "process": "Signals, kills, the local file system",
    "security": "Security: what is believed, read, written and shown",
    "secrets": "Security: where logins and tokens go",
}
NUMBERS = [*range(1, 114), *(f"S{number}" for number in range(1, 26))]

# Cases whose proof needs another scene than the rows have: (class, what it is, the tests).
INTEGRATION = "tests/integration/"
ELSEWHERE = {
    86: ("listing", "100,000 tags in pages", "test_tree_scale.py::Tags.test_100_000_tags_in_pages_fit_into_150_mib"),
    94: ("listing", "one bad tag of 300", "test_tree_faults.py::OneOfMany.test_299_arrive_and_the_one_is_named"),
    104: ("process", "a clean-up that hangs ends after 5 s",
          "test_signals.py::Signals.test_clean_up_that_hangs_ends_after_five_seconds"),
    "S15": ("security", "hostile archives", "test_archive.py::Hostile.test_blobs_as_links",
            "test_archive.py::Hostile.test_names_that_climb_are_no_blobs", "test_archive.py::Hostile.test_truncated"),
    "S16": ("security", "links in a layout", "test_layout.py::Reading.test_links_out_of_the_layout",
            "test_layout.py::Reading.test_a_linked_blobs_directory", "test_layout.py::Reading.test_a_linked_index"),
    "S17": ("security", "many writers lose no tag", "test_layout.py::Writing.test_many_writers_lose_no_tag"),
    "S21": ("secrets", "credential helpers", "test_auth.py::Helpers.test_failing_helpers",
            "test_auth.py::Helpers.test_a_missing_helper", "test_auth.py::Helpers.test_a_helper_that_hangs_ends_with_the_run",
            "test_auth.py::Helpers.test_helper_names_are_no_paths"),
}
# Sweeps, which count their positions themselves: (number, class, what is swept, expected class, commands, the sweep).
EVERYWHERE = "registry, layout, archive, tree"
SWEPT = [
    (29, "throttling", "at every request of both registries, logins included: reset, 500, 429, half an answer, none, garbage; once and "
     "twice in a row", "NEW, of garbage NEW or PROTO", "copy, replicate-tree", "request"),
    (103, "process", f"kill -9 at every request and every write, sync, rename and creation ({EVERYWHERE} and its worker)", "OLD or NEW",
     "copy, replicate-tree", "kill"),
    (105, "process", f"ENOSPC at every write, sync, rename and creation ({EVERYWHERE} and its worker)", "LOCAL", "copy, replicate-tree",
     "disk"),
    (107, "process", f"EIO at every write, sync, rename and creation; no second sync of one file ({EVERYWHERE} and its worker)", "LOCAL",
     "copy, replicate-tree", "disk"),
    (106, "process", f"EMFILE at every call that gives a descriptor ({EVERYWHERE} and its worker)",
     "NEW, AUTH, TEMP, TLS or LOCAL", "copy, replicate-tree", "descriptor"),
    (106, "process", f"ENOMEM at every call that maps memory or makes a thread, once and from there on ({EVERYWHERE})",
     "NEW, LOCAL, TEMP, or 1", "copy, replicate-tree", "memory"),
    (106, "process", "limits of the address space, from too little to enough (registry, tree)", "NEW, LOCAL, TEMP, or 1",
     "copy, replicate-tree", "memory"),
]
# Number → why there is no test.
LEFT_OUT = {}

INTRODUCTION = """# The catalogue of faults

<!-- Printed by tests/hostile/catalogue.py; a test compares. -->

What a registry, a line, a disk or a signal can do to a run, by number, and what must come of it. `hostile.<class>` are the tests in
ctest; `tools/test` runs the quick set, `tools/test --hostile` the whole one. One row by hand:

    FREIGHTLINER_BINARY=build/dev/src/cli/freightliner /usr/bin/python3 tests/hostile/run.py upload -k test_047

| File | What |
|---|---|
| `registry.py` | the hostile registry: the scripted one of `tests/integration` behind a door with logins and tokens, and a second origin |
| `proxy.py` | a line that is slow, narrow, or cut; proxies that want a login |
| `stage.py` | the scene of a case: two registries, images, logins, the command |
| `judge.py` | the oracle: after each run it looks at tags, closures, secrets, sessions, files, requests, time and memory |
| `cases_*.py` | the rows: number, fault, expected class |
| `run.py`, `row.py` | how rows become tests |
| `disturbance.py` | faults in front of a registry's door, for the sweeps and the soak |
| `sweeps/` | a fault, a kill, a full disk, a lack of descriptors or memory at every single position: `hostile.sweep_*`, named in the rows that they belong to |
| `soak/` | many tags under many faults, and random commands under random faults for hours: `tools/soak`, `hostile.load`, `hostile.soak` |
| `test_*.py` | tests of all that: the registry is like a real one where it means no harm, the oracle can fail, the catalogue is complete |

After each case the oracle demands: the destination's tag is the old or the new one, and everything below each tag is there and
hashes right; what a tree has besides arrived; no secret has come to another server, into output or a file; no control or bidirectional
character has come into output; the exit code and the report tell the class; requests, time and memory are bounded; no upload session and no temporary file is left; and, when the fault is gone, one run makes all whole and the next
moves no blob and writes nothing.

Classes: NEW (exit 0), AUTH 4, NF 5 (not found), TEMP 6, INTEG 7, DENY 8, PROTO 9, TLS 10, LOCAL 11; with all but NEW the tag is the old one.
A "→ NEW" behind a class: the fault once, and the run recovers. A tree with one failed image ends with 3 and names the class in
its report.
"""


def rows(name):
    return importlib.import_module(f"cases_{name}").ROWS


def order(number):
    return (1, int(number[1:])) if isinstance(number, str) else (0, number)


def lines(name):
    """(number, line of the table)"""
    for row in rows(name):
        kinds = sorted({row.expect, *row.expects.values()}, key=lambda kind: (kind != row.expect, kind))
        expected = ", ".join(kind.replace("|", " or ") for kind in kinds) + (" → NEW" if row.recovers else "")
        tests = len(row.commands) * len(row.variants) * (2 if row.recovers else 1)
        more = f", {len(row.commands) * len(row.whole)} more in the whole set" if row.whole else ""
        yield row.number, f"| {row.number} | {row.title} | {expected} | {', '.join(row.commands)} | {tests}{more} |"
    for number, (where, title, *tests) in ELSEWHERE.items():
        if where == name:
            yield number, f"| {number} | {title} | | | {', '.join(f'`{INTEGRATION}{test}`' for test in tests)} |"
    for number, where, title, expected, commands, sweep in SWEPT:
        if where == name:
            yield number, f"| {number} | {title} | {expected} | {commands} | `hostile.sweep_{sweep}` |"


def readme():
    text = [INTRODUCTION]
    for name, title in CLASSES.items():
        text.append(f"## {title}: `hostile.{name}`\n\n| Case | Fault | Class | Commands | Tests |\n|---|---|---|---|---|")
        text += [line for _, line in sorted(lines(name), key=lambda entry: order(entry[0]))]
        text.append("")
    text.append("## Left out\n")
    text += [f"- {number}: {reason}" for number, reason in sorted(LEFT_OUT.items())] or ["None."]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    sys.stdout.write(readme())
