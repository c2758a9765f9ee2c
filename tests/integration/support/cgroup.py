"""A control group with a memory limit, below the one that the test runs in, where the machine allows that."""

import os
import pathlib
import time


class Unavailable(Exception):
    """Says why there can be no such group here."""


def _own_path(controllers):
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if names == controllers:
            return path.lstrip("/")
    return None


def _parent():
    """(directory of the own group, name of the file with the limit)"""
    version_1 = pathlib.Path("/sys/fs/cgroup/memory")
    path = _own_path("memory")
    if path is not None and (version_1 / path / "memory.limit_in_bytes").exists():
        return version_1 / path, "memory.limit_in_bytes"
    path = _own_path("")
    if path is None:
        raise Unavailable("there are no control groups")
    directory = pathlib.Path("/sys/fs/cgroup") / path
    control = directory / "cgroup.subtree_control"
    if not control.exists() or "memory" not in control.read_text().split():
        raise Unavailable("the memory controller is not delegated to this process's control group")
    return directory, "memory.max"


class MemoryCgroup:
    """`prefix` runs a program in it."""

    def __init__(self, limit):
        parent, limit_file = _parent()
        self.directory = parent / f"freightliner-test-{os.getpid()}-{time.monotonic_ns()}"
        self.version = 1 if limit_file == "memory.limit_in_bytes" else 2
        try:
            self.directory.mkdir()
        except OSError as error:
            raise Unavailable(f"no control group can be made here: {error}") from None
        try:
            (self.directory / limit_file).write_text(str(limit))
        except OSError as error:
            self.remove()
            raise Unavailable(f"no limit can be set here: {error}") from None

    @property
    def prefix(self):
        return ("/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.directory)

    def remove(self):
        """When all its processes have ended; the kernel may need a moment to see that."""
        for _ in range(100):
            try:
                return self.directory.rmdir()
            except FileNotFoundError:
                return None
            except OSError:
                time.sleep(0.05)
        return self.directory.rmdir()
