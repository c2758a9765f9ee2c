"""ctest: no overlong file, nothing unfinished, no test switched off."""

import pathlib
import sys

import structure

if __name__ == "__main__":
    sys.exit(structure.report(structure.hygiene_faults(pathlib.Path(__file__).resolve().parents[2]), "hygiene"))
