"""Runs the program under test in a home of its own, so that no credentials or settings of the machine leak in."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from . import process

LAYOUT_ROOT = {"index.json", "oci-layout", "blobs"}
BLOB_NAME = re.compile(r"^(sha256/[0-9a-f]{64}|sha512/[0-9a-f]{128})$")


@dataclass
class Result:
    arguments: list
    exit_code: int  # as a shell gives it: 128 + n where signal n ended it
    stdout: str
    stderr: str
    seconds: float
    peak_rss_kib: int = 0  # this and the next: only where measured
    cpu_seconds: float = 0  # in the program and for it

    @property
    def json(self):
        return json.loads(self.stdout)

    def __str__(self):
        return (
            f"freightliner {' '.join(self.arguments)}\nexit {self.exit_code} after {self.seconds:.2f} s\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )


class Running:
    """A run that has not ended: send it signals, then wait()."""

    def __init__(self, child, arguments, stdout, stderr):
        self._child, self._arguments, self._stdout, self._stderr = child, arguments, stdout, stderr
        self._started = time.monotonic()
        self.pid = child.pid

    def send_signal(self, number):
        self._child.send_signal(number)

    def alive(self):
        return self._child.poll() is None

    def stderr(self):
        """What it has written by now."""
        size = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), size, 0).decode(errors="replace")

    def wait(self, timeout=60):
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            result = self._result(-signal.SIGKILL)
            raise AssertionError(f"still running after {timeout} s\n{result}") from None
        return self._result(code)

    def _result(self, code):
        texts = []
        for stream in (self._stdout, self._stderr):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
            stream.close()
        code = 128 - code if code < 0 else code
        return Result(self._arguments, code, *texts, time.monotonic() - self._started)


class Freightliner:
    """`home` is created below `base`. Its TMPDIR must be empty after every run: see leftovers()."""

    def __init__(self, base, binary=None):
        binary = binary or os.environ.get("FREIGHTLINER_BINARY", "")
        if not os.access(binary, os.X_OK):
            raise RuntimeError(f"FREIGHTLINER_BINARY does not name a program: '{binary}'")
        self.binary = str(pathlib.Path(binary).resolve())
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="home-", dir=base))
        self.temporary = self.home / "tmp"
        self.runtime = self.home / "run"
        for directory in (self.temporary, self.runtime):
            directory.mkdir(mode=0o700)

    def environment(self, extra=None):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "FREIGHTLINER_LEAK_CHECK": "true",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(extra or {})
        return environment

    def start(self, *arguments, env=None, stdin=None, prefix=(), cwd=None):
        """Starts a run and returns at once. `stdin` is bytes; without it standard input is empty. `prefix` runs it under another
        program (strace, say)."""
        arguments = [str(argument) for argument in arguments]
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        given = tempfile.TemporaryFile()
        given.write(stdin or b"")
        given.seek(0)
        child = process.spawn([*prefix, self.binary, *arguments], stdin=given, stdout=stdout, stderr=stderr,
                              env=self.environment(env), cwd=cwd or self.home)
        given.close()
        return Running(child, arguments, stdout, stderr)

    def run(self, *arguments, env=None, stdin=None, timeout=60, prefix=(), cwd=None):
        return self.start(*arguments, env=env, stdin=stdin, prefix=prefix, cwd=cwd).wait(timeout)

    def measure(self, *arguments, timeout=300, prefix=(), **options):
        """As run(), with the peak resident size and the processor's time. GNU time forks the program from a small process: wait4 of
        our own child would report this interpreter's size as a floor."""
        with tempfile.NamedTemporaryFile("r", dir=self.home) as report:
            timer = ("/usr/bin/time", "-q", "-f", "%M %U %S", "-o", report.name, "setpriv", "--pdeathsig", "KILL", *prefix)
            result = self.run(*arguments, timeout=timeout, prefix=timer, **options)
            peak, user, system = report.read().split()[-3:]
            result.peak_rss_kib, result.cpu_seconds = int(peak), float(user) + float(system)
        return result

    def leftovers(self):
        """Temporary files that a run left behind."""
        return sorted(str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*"))

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)


def sanitized(**options):
    """A prefix with what a program with sanitizers needs; others don't mind. Its vptr check is off: see
    tests/hostile/no_vptr_check.cc."""
    if preload := os.environ.get("FREIGHTLINER_PRELOAD"):
        options["verify_asan_link_order"] = 0
        print(f"without UBSan's vptr check: {preload}", file=sys.stderr)
    settings = ":".join(f"{name}={value}" for name, value in options.items())
    return ("env", f"ASAN_OPTIONS={settings}", *([f"LD_PRELOAD={preload}"] if preload else []))


def strange_files_in_layout(directory):
    """Names in an OCI layout that are neither its own files nor blobs nor an empty lock file."""
    directory = pathlib.Path(directory)
    strange = []
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_dir():
            continue
        if name.startswith("blobs/") and BLOB_NAME.match(name[len("blobs/"):]):
            continue
        lock = path.parent == directory and "lock" in path.name and path.stat().st_size == 0
        if name not in LAYOUT_ROOT and not lock:
            strange.append(name)
    return strange
