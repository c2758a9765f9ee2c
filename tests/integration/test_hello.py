"""The bundled sample and the tools that a newcomer meets first."""

import filecmp
import json
import os
import pathlib
import platform
import subprocess
import tarfile
import tempfile
import unittest

from support import oracle, process

ROOT = pathlib.Path(__file__).resolve().parents[2]
HELLO = ROOT / "examples" / "hello"


class Hello(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def manifests(self):
        """architecture → manifest, from the one index."""
        closure = oracle.verify_layout(HELLO)
        index = json.loads(closure.manifests[closure.digest])
        return {
            entry["platform"]["architecture"]: json.loads(closure.manifests[entry["digest"]]) for entry in index["manifests"]
        }

    def program(self, architecture):
        layer = self.manifests()[architecture]["layers"][0]
        with tarfile.open(HELLO / "blobs" / layer["digest"].replace(":", "/")) as archive:
            self.assertEqual(archive.getnames(), ["hello"])
            return archive.extractfile("hello").read()

    def test_the_generator_gives_the_same_bytes(self):
        process.run_tool("/usr/bin/python3", ROOT / "tools/make-hello", self.directory / "again")
        for folder in ("", "blobs/sha256"):
            compared = filecmp.dircmp(HELLO / folder, self.directory / "again" / folder)
            self.assertEqual((compared.left_only, compared.right_only), ([], []))
            _, different, unreadable = filecmp.cmpfiles(HELLO / folder, self.directory / "again" / folder,
                                                        compared.common_files, shallow=False)
            self.assertEqual((different, unreadable), ([], []))

    def test_the_generator_replaces_nothing_but_a_layout(self):
        (self.directory / "precious").write_text("x")
        done = process.run_tool("/usr/bin/python3", ROOT / "tools/make-hello", self.directory, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue((self.directory / "precious").exists())

    def test_two_platforms_in_a_few_kib(self):
        self.assertEqual(set(self.manifests()), {"amd64", "arm64"})
        self.assertLess(sum(path.stat().st_size for path in HELLO.rglob("*") if path.is_file()), 8192)

    def test_both_programs_are_elf(self):
        for architecture, machine in (("amd64", 62), ("arm64", 183)):
            program = self.program(architecture)
            self.assertEqual(program[:4], b"\x7fELF")
            self.assertEqual(int.from_bytes(program[18:20], "little"), machine)

    def test_the_one_for_this_machine_runs(self):
        architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
        path = self.directory / "hello"
        path.write_bytes(self.program(architecture))
        path.chmod(0o755)
        done = subprocess.run([path], stdout=subprocess.PIPE, timeout=10, check=True)
        self.assertEqual(done.stdout.decode(), f"Hello from linux/{architecture}: this image came by freightliner.\n")

    def test_others_read_it(self):
        process.run_tool("skopeo", "inspect", f"oci:{HELLO}:latest")
        for architecture in ("amd64", "arm64"):
            layout = self.directory / architecture
            process.run_tool("skopeo", "copy", "--override-arch", architecture, f"oci:{HELLO}:latest", f"oci:{layout}:v1")
            process.run_tool("umoci", "unpack", "--rootless", "--image", f"{layout}:v1", self.directory / f"{architecture}.d")
            self.assertTrue((self.directory / f"{architecture}.d/rootfs/hello").is_file())


class Tools(unittest.TestCase):
    def test_set_up_does_nothing_where_all_is_there(self):
        """apt-get must not even be called."""
        with tempfile.TemporaryDirectory() as directory:
            apt = pathlib.Path(directory) / "apt-get"
            apt.write_text("#!/bin/sh\necho called >&2\nexit 99\n")
            apt.chmod(0o755)
            environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
            done = process.run_tool(ROOT / "tools/setup", env=environment)
        self.assertIn(b"installed", done.stdout)

    def test_unknown_options(self):
        for tool in ("setup", "test", "quickstart"):
            done = process.run_tool(ROOT / "tools" / tool, "--frobnicate", check=False)
            self.assertEqual(done.returncode, 2)

    def test_help(self):
        for tool in ("setup", "test", "quickstart"):
            self.assertIn(b"usage", process.run_tool(ROOT / "tools" / tool, "-h").stdout)


if __name__ == "__main__":
    unittest.main()
