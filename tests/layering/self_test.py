"""ctest: the checks of structure find what they are for, in a small tree made bad on purpose."""

import pathlib
import tempfile
import unittest

import structure

CMAKE = "freightliner_module(base PUBLIC fmt::fmt)\nfreightliner_module(http PUBLIC freightliner::base)\n" \
        "freightliner_module(copy PUBLIC freightliner::http)\n"


class Structure(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        self.write("CMakeLists.txt", CMAKE)

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def only_fault(self, faults, words):
        self.assertEqual(len(faults), 1, faults)
        self.assertIn(words, faults[0])

    def test_order(self):
        self.assertEqual(structure.module_order(self.root), ["base", "http", "copy", "cli"])

    def test_good(self):
        self.write("include/freightliner/copy/a.h", '#include <vector>\n#include "freightliner/http/b.h"\n')
        self.write("src/copy/a.cc", '#include "freightliner/base/c.h"\n#include "copy/private.h"\n')
        self.write("src/http/b.cc", "#include <curl/curl.h>\n")
        self.write("src/cli/main.cc", '#include "freightliner/copy/a.h"\n')
        self.assertEqual(structure.layering_faults(self.root), [])
        self.assertEqual(structure.hygiene_faults(self.root), [])

    def test_a_test_that_a_document_names_in_vain(self):
        self.write("tests/integration/test_a.py", "def test_b(self):\n    pass\n")
        self.write("docs/THREAT_MODEL.md", "`tests/integration/test_a.py::test_b` and `tests/integration/test_a.py`")
        self.assertEqual(structure.document_faults(self.root), [])
        self.write("docs/THREAT_MODEL.md", "`tests/integration/test_a.py::test_c`")
        self.only_fault(structure.document_faults(self.root), "test_a.py has no test_c")
        self.write("docs/THREAT_MODEL.md", "`tests/integration/test_d.py`")
        self.only_fault(structure.document_faults(self.root), "there is no tests/integration/test_d.py")
        self.write("docs/THREAT_MODEL.md", "none")
        self.only_fault(structure.document_faults(self.root), "names no test")

    def test_upward_include(self):
        self.write("src/base/a.cc", '#include "freightliner/http/b.h"\n')
        self.only_fault(structure.layering_faults(self.root), "http stands above base")

    def test_upward_include_with_odd_spacing(self):
        self.write("src/http/a.cc", '  #  include  <freightliner/copy/b.h>\n')
        self.only_fault(structure.layering_faults(self.root), "copy stands above http")

    def test_curl_outside_http(self):
        self.write("src/copy/a.cc", "#include <curl/curl.h>\n")
        self.only_fault(structure.layering_faults(self.root), "only http may")

    def test_public_includes_private(self):
        self.write("include/freightliner/http/a.h", '#include "http/handles.h"\n')
        self.only_fault(structure.layering_faults(self.root), "a public header includes a private one")

    def test_private_of_another(self):
        self.write("src/copy/a.cc", '#include "http/handles.h"\n')
        self.only_fault(structure.layering_faults(self.root), "a private header of http")

    def test_relative_include(self):
        self.write("src/copy/a.cc", '#include "handles.h"\n')
        self.only_fault(structure.layering_faults(self.root), "name the module")

    def test_unknown_module(self):
        self.write("src/stray/a.cc", "\n")
        self.only_fault(structure.layering_faults(self.root), "not in CMakeLists.txt")

    def test_long_file(self):
        self.write("src/base/a.cc", "\n" * 501)
        self.only_fault(structure.hygiene_faults(self.root), "501 lines")

    def test_unfinished(self):
        for mark in ("TO" + "DO", "FIX" + "ME", "GTEST_" + "SKIP", "DIS" + "ABLED_x"):
            self.write("tests/unit/a_test.cc", f"// {mark}()\n")
            self.only_fault(structure.hygiene_faults(self.root), mark)

    def test_a_test_that_is_skipped(self):
        for folder in ("integration", "validation"):
            self.write(f"tests/{folder}/test_a.py", "    @unittest." + "skip\n")
            self.only_fault(structure.hygiene_faults(self.root), f"{folder}/test_a.py")
            self.write(f"tests/{folder}/test_a.py", "")


if __name__ == "__main__":
    unittest.main()
