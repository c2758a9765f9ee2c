"""Load and soak, as tools/soak and ctest start them: main.py soak MINUTES SEED, rounds COUNT SEED, round SEED, or
load SEED [REPOSITORIES TAGS]. What fails is kept below --evidence DIR, with the command that repeats it."""

import argparse
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "integration")]

import load  # noqa: E402  (its place is known only now)
import soak  # noqa: E402
from evidence import Evidence  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evidence", type=pathlib.Path, default=pathlib.Path("soak-evidence"))
    parts = parser.add_subparsers(dest="part", required=True)
    for name, numbers in (("soak", ("minutes",)), ("rounds", ("count",)), ("round", ()), ("load", ())):
        part = parts.add_parser(name)
        for number in numbers:
            part.add_argument(number, type=int)
        part.add_argument("seed")
        if name == "load":
            part.add_argument("repositories", type=int, nargs="?", default=100)
            part.add_argument("tags", type=int, nargs="?", default=20)
    return parser.parse_args()


def main():
    asked = arguments()
    if not os.access(os.environ.get("FREIGHTLINER_BINARY", ""), os.X_OK):
        sys.exit("main.py: FREIGHTLINER_BINARY does not name a program")
    evidence = Evidence(asked.evidence)
    if asked.part == "load":
        good = load.run(asked.seed, asked.repositories, asked.tags, evidence)
    elif asked.part == "round":
        good = soak.one(asked.seed, evidence)
    elif asked.part == "rounds":
        good = soak.several(asked.seed, asked.count, evidence)
    else:
        good = soak.soak(asked.seed, asked.minutes, evidence)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
