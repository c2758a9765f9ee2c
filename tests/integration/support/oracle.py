"""Decides whether a destination is whole, over the bytes, with hashlib: never with the program under test."""

import hashlib
import json
import pathlib
import tarfile
from dataclasses import dataclass, field

from .images import REF_NAME


class NotWhole(AssertionError):
    """A tag names something that is missing or is not what its digest says."""


@dataclass
class Closure:
    digest: str
    media_type: str
    manifests: dict = field(default_factory=dict)  # digest → bytes
    blobs: dict = field(default_factory=dict)  # digest → size
    foreign: list = field(default_factory=list)  # digests of layers that live elsewhere

    @property
    def digests(self):
        return set(self.manifests) | set(self.blobs)


def check_digest(digest, data, what):
    algorithm, _, value = digest.partition(":")
    if hashlib.new(algorithm, data).hexdigest() != value:
        raise NotWhole(f"{what}: the bytes do not hash to {digest}")


def walk(root, media_type, fetch_manifest, fetch_blob):
    """Reads everything below `root`. The fetchers return bytes, or None where there is nothing."""
    closure = Closure(root, media_type)
    waiting = [root]
    while waiting:
        digest = waiting.pop()
        if digest in closure.manifests:
            continue
        data = fetch_manifest(digest)
        if data is None:
            raise NotWhole(f"manifest {digest} is missing")
        check_digest(digest, data, "manifest")
        closure.manifests[digest] = data
        document = json.loads(data)
        children = document.get("manifests") or []
        for child in children:
            _expect_size(child, fetch_manifest(child["digest"]), "child manifest")
            waiting.append(child["digest"])
        parts = list(document.get("layers") or [])
        if "config" in document:
            parts.append(document["config"])
        for descriptor in parts:
            _check_blob(closure, descriptor, fetch_blob)
    return closure


def _expect_size(descriptor, data, what):
    if data is None:
        raise NotWhole(f"{what} {descriptor['digest']} is missing")
    if len(data) != descriptor["size"]:
        raise NotWhole(f"{what} {descriptor['digest']}: {len(data)} bytes, its descriptor says {descriptor['size']}")


def _check_blob(closure, descriptor, fetch_blob):
    digest = descriptor["digest"]
    if digest in closure.blobs or digest in closure.foreign:
        return
    if descriptor.get("urls"):
        closure.foreign.append(digest)
        return
    data = fetch_blob(digest)
    _expect_size(descriptor, data, "blob")
    check_digest(digest, data, "blob")
    closure.blobs[digest] = len(data)


def verify_registry(client, repository, reference="latest"):
    """Over HTTP. Returns the closure of the tag; raises NotWhole."""
    answer = client.manifest(repository, reference)
    if answer is None:
        raise NotWhole(f"{repository}:{reference} does not exist")
    media_type, data = answer
    digest = reference if ":" in reference else "sha256:" + hashlib.sha256(data).hexdigest()

    def manifest(wanted):
        found = client.manifest(repository, wanted)
        return found[1] if found else None

    return walk(digest, media_type, manifest, lambda wanted: client.blob(repository, wanted))


def verify_scripted(registry, repository, reference="latest"):
    """In the memory of a scripted registry: its rules don't act here, and its journal stays as it is."""
    found = registry.manifest(repository, reference)
    if found is None:
        raise NotWhole(f"{repository}:{reference} does not exist")
    digest = registry.repository(repository).tags.get(reference, reference)

    def manifest(wanted):
        entry = registry.manifest(repository, wanted)
        return entry[1] if entry else None

    return walk(digest, found[0], manifest, lambda wanted: registry.blob(repository, wanted))


def verify_storage(registry, repository, tag="latest"):
    """In docker-registry's own files: what it would serve after a restart."""
    top = registry.storage / "docker/registry/v2"
    link = top / "repositories" / repository / "_manifests/tags" / tag / "current/link"
    if not link.exists():
        raise NotWhole(f"{repository}:{tag} does not exist")

    def linked(kind):
        def fetch(digest):
            algorithm, _, value = digest.partition(":")
            if not (top / "repositories" / repository / kind / algorithm / value / "link").exists():
                return None
            data = top / "blobs" / algorithm / value[:2] / value / "data"
            return data.read_bytes() if data.exists() else None

        return fetch

    return walk(link.read_text().strip(), "", linked("_manifests/revisions"), linked("_layers"))


def layout_entry(directory, tag="latest"):
    """The descriptor that an OCI layout has under `tag`; None where there is none."""
    index = json.loads((pathlib.Path(directory) / "index.json").read_bytes())
    entries = [entry for entry in index["manifests"] if (entry.get("annotations") or {}).get(REF_NAME) == tag]
    if len(entries) > 1:
        raise NotWhole(f"{directory}: tag {tag} stands {len(entries)} times in index.json")
    return entries[0] if entries else None


def verify_layout(directory, tag="latest"):
    directory = pathlib.Path(directory)
    return _verify_layout(directory, tag, directory / "blobs")


def verify_tree(directory, repository, tag="latest"):
    """In a tree of layouts: index.json below the repository, blobs in the shared directory."""
    directory = pathlib.Path(directory)
    return _verify_layout(directory / repository, tag, directory / "_blobs")


def _verify_layout(directory, tag, blobs):
    version = json.loads((directory / "oci-layout").read_bytes()).get("imageLayoutVersion")
    if version != "1.0.0":
        raise NotWhole(f"{directory}: imageLayoutVersion is {version!r}")
    entry = layout_entry(directory, tag)
    if entry is None:
        raise NotWhole(f"{directory}: no tag {tag}")

    def fetch(digest):
        path = blobs / digest.replace(":", "/", 1)
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None

    _expect_size(entry, fetch(entry["digest"]), "manifest")
    return walk(entry["digest"], entry["mediaType"], fetch, fetch)


def archive_tags(path):
    """Those that its index.json names."""
    with tarfile.open(path) as archive:
        member = next(member for member in archive if member.name.removeprefix("./") == "index.json")
        entries = json.loads(archive.extractfile(member).read())["manifests"]
    return [entry["annotations"][REF_NAME] for entry in entries if REF_NAME in (entry.get("annotations") or {})]


def verify_archive(path, tag="latest"):
    """An oci-archive: only plain files and directories with layout names, each once."""
    files = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.removeprefix("./").rstrip("/")
            if member.isdir():
                continue
            if not member.isfile():
                raise NotWhole(f"{path}: {name} is neither a file nor a directory")
            if name in files:
                raise NotWhole(f"{path}: {name} stands twice")
            if name not in ("oci-layout", "index.json") and not name.startswith("blobs/"):
                raise NotWhole(f"{path}: strange member {name}")
            files[name] = archive.extractfile(member).read()
    if json.loads(files["oci-layout"])["imageLayoutVersion"] != "1.0.0":
        raise NotWhole(f"{path}: imageLayoutVersion")
    entries = [
        entry for entry in json.loads(files["index.json"])["manifests"]
        if (entry.get("annotations") or {}).get(REF_NAME) == tag
    ]
    if len(entries) != 1:
        raise NotWhole(f"{path}: {len(entries)} entries for tag {tag}")

    def fetch(digest):
        return files.get("blobs/" + digest.replace(":", "/", 1))

    return walk(entries[0]["digest"], entries[0]["mediaType"], fetch, fetch)
