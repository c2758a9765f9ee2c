"""Many repositories and tags at once: how they are made, replicated and judged."""

import json
import os
import pathlib
import re
from collections import Counter

from . import images, oracle
from .case import OK, Case
from .scripted import ScriptedRegistry

MEMORY = "/dev/shm"

# Exit codes beyond those of a single copy.
LOCKED, DIFFERS, SAFETY_LIMIT = 12, 13, 14

MANIFEST = re.compile(r"^/v2/(?P<repository>.+)/manifests/(?P<reference>[^/]+)$")
OVERVIEW = re.compile(r"^/v2/(_catalog|.+/tags/list)?$")  # catalog, tag lists, ping


def small(seed, **options):
    """An image of a config and two layers of 1 KiB."""
    return images.single(seed, **{"layers": 2, "layer_size": 1024, **options})


def fleet(repositories, tags, prefix="repo", make=small):
    """(repository, tag) → image: a different one for each tag."""
    return {
        (f"{prefix}{number:03}", f"v{tag}"): make(f"{prefix}-{number}-{tag}")
        for number in range(repositories) for tag in range(tags)
    }


def fill(registry, contents):
    """Puts (repository, tag) → image into a registry without any request: into docker-registry's storage directory, where it
    finds them at once, or into a scripted registry's memory."""
    for (repository, tag), image in contents.items():
        if isinstance(registry, ScriptedRegistry):
            registry.load(image, repository, tag)
        else:
            write_storage(registry.storage / "docker/registry/v2", repository, tag, image)


def write_storage(top, repository, tag, image):
    home = top / "repositories" / repository
    for digest, data in image.blobs.items():
        _write_blob(top, digest, data)
        _write_link(home / "_layers", digest)
    for digest, (_, data) in image.manifests.items():
        _write_blob(top, digest, data)
        _write_link(home / "_manifests/revisions", digest)
    _write_link(home / "_manifests/tags" / tag / "index", image.digest)
    current = home / "_manifests/tags" / tag / "current/link"
    current.parent.mkdir(parents=True, exist_ok=True)
    current.write_text(image.digest)


def _write_blob(top, digest, data):
    algorithm, _, value = digest.partition(":")
    path = top / "blobs" / algorithm / value[:2] / value / "data"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _write_link(directory, digest):
    path = directory / digest.replace(":", "/") / "link"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digest)


def tags_of(registry):
    """(repository, tag) → digest, of everything a registry holds, read without any request."""
    if isinstance(registry, ScriptedRegistry):
        with registry.lock:
            return {(name, tag): digest for name, held in registry.repositories.items() for tag, digest in held.tags.items()}
    top = registry.storage / "docker/registry/v2/repositories"
    found = {}
    for directory, below, _ in os.walk(top):
        if "_manifests" in below:
            for link in pathlib.Path(directory).glob("_manifests/tags/*/current/link"):
                found[os.path.relpath(directory, top), link.parents[1].name] = link.read_text().strip()
        below[:] = [name for name in below if not name.startswith("_")]  # _uploads changes while the registry works
    return found


class Brief:
    """A result for the message of a failing test, without the references that went well."""

    def __init__(self, result):
        self._result = result

    def __str__(self):
        return "\n".join(line for line in str(self._result).splitlines() if '"error_class":null' not in line)


class TreeCase(Case):
    def setUp(self):
        super().setUp()
        self.lock = self.directory / "run.lock"

    def registry(self, **options):
        """In memory where there is such a place: on a disk, docker-registry's fsync would take most of the time."""
        return super().registry(**{"base": MEMORY if os.access(MEMORY, os.W_OK) else None, **options})

    # --- runs

    def arguments(self, source, destination, *options, command="replicate-tree"):
        """The default lock lies outside the test's directory, so each run gets one inside."""
        own = [] if command != "replicate-tree" or "--lock" in options else ["--lock", self.lock]
        return [command, "--progress", "none", *own, *options, tree(source), tree(destination)]

    def replicate(self, source, destination, *options, code=OK, **more):
        """One run with --output json that ends with `code` (or one of them); its report."""
        result = self.program.run(*self.arguments(source, destination, "--output", "json", *options), **more)
        self.assertIn(result.exit_code, (code,) if isinstance(code, int) else code, Brief(result))
        self.check_run(result)
        report = result.json
        self.assertEqual(report["exit_code"], result.exit_code, Brief(result))
        self.assert_adds_up(report)
        return report

    def replicate_text(self, source, destination, *options, code=OK, **more):
        result = self.program.run(*self.arguments(source, destination, *options), **more)
        self.assertEqual(result.exit_code, code, result)
        self.check_run(result)
        return result

    def refuse_tree(self, codes, source, destination, *options, words=(), **more):
        """A run that ends before it has replicated anything: nothing on stdout, a line that holds `words`."""
        return self.refuse(codes, *self.arguments(source, destination, *options), words=words, **more)

    def start_tree(self, source, destination, *options, **more):
        run = self.program.start(*self.arguments(source, destination, "--output", "json", *options), **more)
        self.addCleanup(lambda: run.alive() and run.send_signal(9))
        return run

    # --- judgements

    def assert_adds_up(self, report):
        """The counts fit each other and the references."""
        totals, references = report["totals"], report["references"]
        seen = Counter(reference["outcome"] for reference in references)
        for outcome in ("copied", "equal", "kept", "missing", "extra", "failed"):
            self.assertEqual(totals[outcome], seen[outcome], f"{outcome}: {totals}")
        self.assertEqual(totals["planned"], seen["planned"], totals)
        self.assertEqual(totals["deleted"], seen["deleted"] + seen["planned-delete"], totals)
        self.assertEqual(totals["different"], seen["different"] + seen["incomplete"], totals)
        failed_tags = sum(
            1 for reference in references
            if reference["outcome"] == "failed" and reference["tag"] and reference["reason"] != "extra"
        )
        parts = ("copied", "equal", "kept", "planned", "missing", "different", "skipped_by_filter", "not_begun")
        self.assertEqual(totals["tags"], sum(totals[part] for part in parts) + failed_tags, totals)
        for reference in references:
            self.assertEqual(reference["outcome"] == "failed", reference["reason"] in ("error", "extra")
                             and reference["error_class"] is not None, reference)

    def assert_tree(self, registry, contents):
        """The registry has exactly these tags, and each is whole and names its image."""
        self.assertEqual(tags_of(registry), {key: image.digest for key, image in contents.items()})
        self.assert_all_whole(registry, contents)

    def assert_all_whole(self, registry, contents):
        verify = oracle.verify_scripted if isinstance(registry, ScriptedRegistry) else oracle.verify_storage
        for (repository, tag), image in contents.items():
            closure = verify(registry, repository, tag)
            self.assertEqual(closure.digest, image.digest, f"{repository}:{tag}")
            self.assertEqual(closure.manifests[closure.digest], image.bytes)

    def assert_every_tag_is_whole(self, registry):
        """Whatever tags there are, nothing below them is missing."""
        verify = oracle.verify_scripted if isinstance(registry, ScriptedRegistry) else oracle.verify_storage
        for repository, tag in tags_of(registry):
            verify(registry, repository, tag)

    def assert_cheap(self, registry, heads):
        """Since mark(): no more HEADs than that on tags, lists, and nothing else."""
        asked = registry.requests()
        rest = [request for request in asked if not OVERVIEW.match(request.path)]
        self.assertEqual([request for request in rest if request.method != "HEAD"], [])
        self.assertLessEqual(len(rest), heads, Counter((request.method, request.path) for request in rest))


def tree(place):
    """As it stands on the command line: a registry, or the text itself."""
    return getattr(place, "host", place)


def snapshot(directory):
    """Everything that a second run must leave as it is: names, contents, times."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(pathlib.Path(directory).rglob("*")) if path.is_file()
    }


def by_reference(report):
    """'repository:tag' at the source (at the destination where it has none) → element of the report."""
    return {
        f"{entry['source_repository'] or entry['destination_repository']}:{entry['tag']}": entry
        for entry in report["references"]
    }


def outcomes(report):
    return {name: entry["outcome"] for name, entry in by_reference(report).items()}


def read_report(path):
    return json.loads(path.read_text())


def without_overview(requests):
    """Requests for images: without catalog, tag lists and pings."""
    return [request for request in requests if not OVERVIEW.match(request.path)]


def manifests_of(requests, method, by_tag=None):
    """Requests of `method` for manifests; by_tag True or False selects those that name a tag or a digest."""
    found = []
    for request in requests:
        match = MANIFEST.match(request.path)
        if match and request.method == method and (by_tag is None or by_tag == (":" not in match["reference"])):
            found.append(request)
    return found
