"""ctest: no module includes one of a higher floor."""

import pathlib
import sys

import structure

if __name__ == "__main__":
    sys.exit(structure.report(structure.layering_faults(pathlib.Path(__file__).resolve().parents[2]), "layering"))
