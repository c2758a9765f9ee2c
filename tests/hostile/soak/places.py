"""Where the rounds of a soak copy to: what each place holds, verified, and what a run may not leave or touch there."""

import pathlib

from support import images, oracle
from support.runner import strange_files_in_layout
from support.tree import snapshot


class InRegistry:
    """The destination of a stage."""

    def __init__(self, registry):
        self.registry = registry

    def reference(self, repository, tag):
        return f"docker://{self.registry.host}/{repository}:{tag}"

    def put(self, image, repository, tag):
        self.registry.load(image, repository, tag)

    def digest(self, repository, tag):
        if self.registry.manifest(repository, tag) is None:
            return None
        return oracle.verify_scripted(self.registry, repository, tag).digest

    def strange_files(self):
        return []

    def state(self):
        return [(request.method, request.path) for request in self.registry.requests("POST|PUT|PATCH|DELETE", "^/v2/")]


class _Files:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()

    def strange_files(self):
        return sorted(str(path) for path in self.directory.rglob("*.tmp"))

    def state(self):
        return snapshot(self.directory)


class InLayouts(_Files):
    """An OCI layout for each repository."""

    def reference(self, repository, tag):
        return f"oci:{self.directory / repository}:{tag}"

    def put(self, image, repository, tag):
        images.write_layout(image, self.directory / repository, tag)

    def digest(self, repository, tag):
        home = self.directory / repository
        if not (home / "index.json").exists() or oracle.layout_entry(home, tag) is None:
            return None
        return oracle.verify_layout(home, tag).digest

    def strange_files(self):
        return [f"{home}/{name}" for home in self.directory.iterdir() for name in strange_files_in_layout(home)]


class InArchives(_Files):
    """An archive for each repository."""

    def reference(self, repository, tag):
        return f"oci-archive:{self._file(repository)}:{tag}"

    def _file(self, repository):
        return self.directory / f"{repository}.tar"

    def put(self, image, repository, tag):
        images.write_archive(image, self._file(repository), tag, scratch=self.directory)

    def digest(self, repository, tag):
        file = self._file(repository)
        if not file.exists() or tag not in oracle.archive_tags(file):
            return None
        return oracle.verify_archive(file, tag).digest


class InTree(_Files):
    """A directory of layouts that share their blobs. Only a run brings something there."""

    def reference(self, repository, tag):
        return f"{self.directory / repository}:{tag}"

    def digest(self, repository, tag):
        home = self.directory / repository
        if not (home / "index.json").exists() or oracle.layout_entry(home, tag) is None:
            return None
        return oracle.verify_tree(self.directory, repository, tag).digest
