"""What every test of the program has: a temporary directory, a runner, servers that end with the test."""

import functools
import json
import pathlib
import re
import tempfile
import unittest

from . import client, oracle, process
from .registry import DockerRegistry
from .runner import Freightliner
from .scripted import ScriptedRegistry
from .token_server import TokenServer

# The documented exit codes.
OK, INTERNAL, USAGE, PARTIAL, AUTHENTICATION, NOT_FOUND, TEMPORARY, INTEGRITY, DENIED, PROTOCOL, TLS, LOCAL = range(12)
ALERT = 15
# C0 and C1 but tab and line feed, and what turns the direction of text (Unicode 15, UAX #9).
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


@functools.cache
def libraries(program):
    return process.run_tool("ldd", program, check=False).stdout.decode()  # a static program has none


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="fl-test-", ignore_cleanup_errors=True)
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.program = Freightliner(self.directory)

    # --- servers

    def registry(self, **options):
        registry = DockerRegistry(**options)
        self.addCleanup(registry.stop)
        return registry

    def scripted(self, **options):
        registry = ScriptedRegistry(**options)
        self.addCleanup(registry.stop)
        return registry

    def token_server(self, **options):
        server = TokenServer(**options)
        self.addCleanup(server.stop)
        return server

    def push(self, registry, image, repository, *tags, **credentials):
        talk = client.RegistryClient(registry.url, **credentials)
        talk.push(image, repository, *tags)
        return talk

    # --- runs

    def succeed(self, *arguments, **options):
        """A run that ends with 0; leaves no temporary file."""
        result = self.program.run(*arguments, **options)
        self.assertEqual(result.exit_code, OK, result)
        self.check_run(result)
        return result

    def copy(self, source, destination, *options, **more):
        return self.succeed("copy", "--progress", "none", *options, source, destination, **more)

    def copy_json(self, source, destination, *options, **more):
        """The record of a copy."""
        return self.copy(source, destination, "--output", "json", *options, **more).json

    def refuse(self, codes, *arguments, words=(), **options):
        """A run that ends with one of `codes`: one clear line that holds `words` (any case), nothing on stdout."""
        result = self.program.run(*arguments, **options)
        codes = (codes,) if isinstance(codes, int) else codes
        self.assertIn(result.exit_code, codes, result)
        self.check_run(result)
        self.assertEqual(result.stdout, "", result)
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        self.assertTrue(lines, result)
        for word in (words,) if isinstance(words, str) else words:
            self.assertIn(word.lower(), result.stderr.lower(), result)
        return result

    def refuse_copy(self, codes, source, destination, *options, **more):
        return self.refuse(codes, "copy", "--progress", "none", *options, source, destination, **more)

    def check_run(self, result):
        self.assertEqual(self.program.leftovers(), [], result)
        self.assertNotRegex(result.stderr, CONTROL, result)
        self.assertNotRegex(result.stdout, CONTROL, result)
        for word in ("terminate called", "Sanitizer", "Assertion", "std::"):
            self.assertNotIn(word, result.stderr, result)

    def has_sanitizer(self, name):
        """`name`: asan or tsan. A sanitizer has memory, threads and calls of its own."""
        return f"lib{name}." in libraries(self.program.binary)

    def is_sanitized(self):
        return self.has_sanitizer("asan") or self.has_sanitizer("tsan")

    # --- judgements

    def assert_whole(self, registry, repository, tag, image, **credentials):
        """The tag names exactly `image`, and everything below it is there and hashes right."""
        if isinstance(registry, ScriptedRegistry):
            closure = oracle.verify_scripted(registry, repository, tag)
        else:
            closure = oracle.verify_registry(client.RegistryClient(registry.url, **credentials), repository, tag)
        self.assertEqual(closure.digest, image.digest)
        self.assertEqual(closure.manifests[closure.digest], image.bytes)
        return closure

    def assert_absent(self, registry, repository, tag, **credentials):
        talk = client.RegistryClient(registry.url, **credentials)
        self.assertIsNone(talk.manifest(repository, tag))

    def assert_no_open_uploads(self, scripted):
        left = [(upload.repository, upload.received, upload.declared) for upload in scripted.open_uploads()]
        self.assertEqual(left, [], "upload sessions were left open")

    def write_json(self, path, document, mode=0o600):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
        path.chmod(mode)
        return path


def at(registry, repository, reference="latest"):
    """A docker:// reference into a registry of the test."""
    separator = "@" if reference.startswith(("sha256:", "sha512:")) else ":"
    return f"docker://{registry.host}/{repository}{separator}{reference}"
