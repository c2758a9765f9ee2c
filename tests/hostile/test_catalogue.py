"""The catalogue is complete, its references are true, and README.md says what it says."""

import ast
import pathlib
import unittest

import catalogue

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The cases that prove promises 1 to 7: what is written, in which order, verified; kills; second runs; exit codes.
NEVER_LEFT_OUT = {*range(1, 24), *range(44, 95), 103, 105, 107, 111, 113}


class Catalogue(unittest.TestCase):
    def setUp(self):
        self.rows = {name: catalogue.rows(name) for name in catalogue.CLASSES}
        self.numbers = {row.number for rows in self.rows.values() for row in rows}

    def test_every_number_is_somewhere(self):
        missing = set(catalogue.NUMBERS) - self.numbers - set(catalogue.ELSEWHERE) - set(catalogue.LEFT_OUT)
        self.assertEqual(missing, set())
        self.assertEqual(self.numbers - set(catalogue.NUMBERS), set())

    def test_little_is_left_out(self):
        self.assertLessEqual(len(catalogue.LEFT_OUT), 5)
        self.assertEqual(set(catalogue.LEFT_OUT) & NEVER_LEFT_OUT, set())
        self.assertEqual(set(catalogue.LEFT_OUT) & self.numbers, set())
        self.assertEqual([number for number, reason in catalogue.LEFT_OUT.items() if not reason], [])

    def test_tests_elsewhere_exist(self):
        for number, (where, _, *tests) in catalogue.ELSEWHERE.items():
            self.assertIn(where, catalogue.CLASSES)
            self.assertTrue(tests)
            for test in tests:
                with self.subTest(number=number, test=test):
                    file, _, name = test.partition("::")
                    self.assertIn(name, self.methods(ROOT / catalogue.INTEGRATION / file))

    def test_every_sweep_is_listed(self):
        sweeps = {path.stem.removesuffix("_sweep") for path in pathlib.Path(__file__).parent.glob("sweeps/*_sweep.py")}
        self.assertEqual({sweep for *_, sweep in catalogue.SWEPT}, sweeps)
        for number, where, *_ in catalogue.SWEPT:
            self.assertIn(number, {row.number for row in self.rows[where]}, "beside rows")

    @staticmethod
    def methods(path):
        tree = ast.parse(path.read_text())
        return {f"{outer.name}.{inner.name}" for outer in tree.body if isinstance(outer, ast.ClassDef)
                for inner in outer.body if isinstance(inner, ast.FunctionDef)}

    def test_rows_are_well_formed(self):
        for name, rows in self.rows.items():
            for row in rows:
                with self.subTest(row=row.key, title=row.title):
                    self.assertTrue(bool(row.setup) != bool(row.play))
                    self.assertLessEqual(set(row.expects), set(row.variants) | set(row.whole))
                    self.assertTrue(row.commands)

    def test_every_class_of_rows_is_listed(self):
        files = {path.stem.removeprefix("cases_") for path in pathlib.Path(__file__).parent.glob("cases_*.py")}
        self.assertEqual(files, set(catalogue.CLASSES))

    def test_the_readme_is_what_the_catalogue_prints(self):
        path = pathlib.Path(__file__).with_name("README.md")
        self.assertEqual(path.read_text(), catalogue.readme(), "run tests/hostile/catalogue.py > tests/hostile/README.md")


if __name__ == "__main__":
    unittest.main()
