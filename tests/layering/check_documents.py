"""ctest: the tests that the threat model names as proof exist."""

import pathlib
import sys

import structure

if __name__ == "__main__":
    sys.exit(structure.report(structure.document_faults(pathlib.Path(__file__).resolve().parents[2]), "documents"))
