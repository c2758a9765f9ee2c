"""Runs the rows of one class of the catalogue: run.py CLASS [unittest's own arguments]. FREIGHTLINER_HOSTILE=whole takes the
variants of the whole set as well."""

import importlib
import os
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

from judge import Judge  # noqa: E402  (their place is known only now)
from row import COPY  # noqa: E402
from stage import Stage  # noqa: E402
from support.case import Case  # noqa: E402

WHOLE = os.environ.get("FREIGHTLINER_HOSTILE") == "whole"


def perform(case, row, command, arguments, expect):
    stage = Stage(case, command)
    judge = stage.judge = Judge(case, stage, row)
    if row.play:
        row.play(stage, *arguments)
        return
    row.setup(stage, *arguments)
    result = stage.run(row.options)
    outcome = judge.outcome(result, expect)
    judge.after(result, outcome)
    if row.check and expect in (row.expect, *row.expects.values()):
        row.check(stage, result)
    stage.heal()
    judge.converges(outcome)


def variants(row):
    """(name, arguments, expected class)"""
    chosen = {**row.variants, **(row.whole if WHOLE else {})}
    for name, arguments in chosen.items():
        expect = row.expects.get(name, row.expect)
        if row.recovers:
            yield f"{name}_once", (*arguments, 1), "NEW"
            yield f"{name}_for_ever", (*arguments, None), expect
        else:
            yield name, arguments, expect


def test_methods(rows):
    methods = {}
    for row in rows:
        for command in row.commands:
            for name, arguments, expect in variants(row):
                words = f"test_{row.key}_{row.title}_{'copy' if command == COPY else 'tree'}_{name}"
                method = re.sub(r"\W+", "_", words).rstrip("_")
                while method in methods:
                    method += "_"

                def test(self, row=row, command=command, arguments=arguments, expect=expect):
                    perform(self, row, command, arguments, expect)

                test.__doc__ = f"{row.number}. {row.title} ({command}) {name} → {expect}"
                methods[method] = test
    return methods


def main():
    if len(sys.argv) < 2 or not (HERE / f"cases_{sys.argv[1]}.py").exists():
        sys.exit(f"usage: run.py CLASS: {', '.join(sorted(path.stem[6:] for path in HERE.glob('cases_*.py')))}")
    name = sys.argv.pop(1)
    rows = importlib.import_module(f"cases_{name}").ROWS
    globals()["Catalogue"] = type("Catalogue", (Case,), test_methods(rows))
    unittest.main()


if __name__ == "__main__":
    main()
