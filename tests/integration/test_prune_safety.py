"""--delete-extra never takes away what this run or another one has brought, nor anything of the source."""

import unittest

from support import faults, images
from support.case import NOT_FOUND, OK, PARTIAL
from support.tree import by_reference, fill, outcomes, small, tags_of
from test_prune import PruneCase, first_child, name_of


class Arrived(PruneCase):
    """Where a registry deletes by digest only, what stays is what the destination has after the copies."""

    def places(self, source, destination):
        """Once with docker-registry and once with the scripted one."""
        for make in (self.registry, lambda: self.scripted(delete="digest")):
            here, there = self.scripted(), make()
            fill(here, {("app", tag): image for tag, image in source.items()})
            fill(there, {("app", tag): image for tag, image in destination.items()})
            yield here, there

    def assert_cant_untag(self, report, tag):
        entry = by_reference(report)[f"app:{tag}"]
        self.assertEqual((entry["outcome"], entry["error_class"]), ("failed", "denied"))
        self.assertIn("can't untag here", entry["error"])

    def assert_images(self, registry, contents):
        self.assert_tree(registry, {("app", tag): image for tag, image in contents.items()})

    def test_a_renamed_tag(self):
        image, keep = small(1), small(2)
        for source, destination in self.places({"v2": image, "keep": keep}, {"v1": image, "keep": keep}):
            with self.subTest(destination=type(destination).__name__):
                report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
                self.assertEqual(outcomes(report)["app:v2"], "copied")
                self.assert_cant_untag(report, "v1")
                self.assert_images(destination, {"v1": image, "v2": image, "keep": keep})

    def test_a_child_of_an_index_that_has_just_come(self):
        index, keep = images.multi_arch(), small(2)
        child = first_child(index)
        for source, destination in self.places({"multi": index, "keep": keep}, {"amd64": child, "keep": keep}):
            with self.subTest(destination=type(destination).__name__):
                report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
                self.assert_cant_untag(report, "amd64")
                self.assert_images(destination, {"amd64": child, "multi": index, "keep": keep})

    def test_a_tag_that_has_moved_to_a_digest_that_was_extra(self):
        image, older = small(1), small(2)
        for source, destination in self.places({"latest": image}, {"candidate": image, "latest": older}):
            with self.subTest(destination=type(destination).__name__):
                report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
                self.assert_cant_untag(report, "candidate")
                self.assert_images(destination, {"candidate": image, "latest": image})

    def test_a_tag_that_somebody_else_has_pushed_meanwhile(self):
        source, destination = self.scripted(), self.scripted(delete="digest")
        shared, new = small("shared"), small("new")
        fill(source, {("app", "new"): new})
        fill(destination, {("app", "old"): shared})

        class Push(faults.Fault):
            def after(self, _, response):
                destination.load(shared, "app", "theirs")
                return response

        destination.rule("PUT", "/manifests/new$", Push())
        report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
        self.assert_cant_untag(report, "old")
        self.assert_images(destination, {"old": shared, "theirs": shared, "new": new})

    def test_a_list_that_lags_behind(self):
        """It does not show yet what was written."""
        image = small(1)
        source, destination = self.scripted(), self.scripted(delete="digest")
        fill(source, {("app", "v2"): image})
        fill(destination, {("app", "v1"): image})
        destination.rule("GET", "/tags/list$", faults.json_answer(b'{"name":"app","tags":["v1"]}'))
        report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
        self.assert_cant_untag(report, "v1")
        self.assert_images(destination, {"v1": image, "v2": image})

    def test_a_selected_tag_that_did_not_come_holds_nothing_back(self):
        source, destination = self.scripted(), self.scripted(delete="digest")
        fill(source, {("app", "v1"): small(1), ("app", "v2"): small(2)})
        fill(destination, {("app", "v1"): small(1), ("app", "old"): small("old")})
        source.rule("GET", "/manifests/v2$", faults.status(404))
        report = self.replicate(source, destination, *self.ALL, code=PARTIAL)
        self.assertEqual(outcomes(report)["app:old"], "deleted")
        self.assert_images(destination, {"v1": small(1)})

    def test_where_the_tags_can_not_be_listed_again_nothing_goes_by_digest(self):
        for number, fault in enumerate((faults.status(500), faults.status(403), faults.status(404), faults.html(), faults.Cut(3))):
            with self.subTest(fault=number):
                source, destination = self.scripted(), self.scripted(delete="digest")
                fill(source, {("app", "v1"): small(1)})
                fill(destination, {("app", "v1"): small(1), ("app", "old"): small("old"), ("app", "older"): small("older")})

                class Later(faults.Fault):
                    """From the second list on."""

                    seen = 0

                    def receive(self, request):
                        type(self).seen += 1
                        return fault.receive(request) if self.seen > 1 else None

                    def after(self, request, response):
                        return fault.after(request, response) if self.seen > 1 else response

                destination.rule("GET", "/tags/list$", Later())
                report = self.replicate(source, destination, *self.ALL, "--retries", "0", code=PARTIAL)
                self.assertEqual({outcomes(report)[f"app:{tag}"] for tag in ("old", "older")}, {"failed"})
                self.assertEqual(destination.requests("DELETE", "sha256:"), [])
                self.assertEqual(set(destination.repository("app").tags), {"v1", "old", "older"})

    def test_the_signature_of_an_image_that_has_just_come(self):
        """No tag of the list from before the copies leads to it."""
        image, keep = small(1), small(2)
        signature = name_of(image, ".sig")
        source, destination = self.scripted(), self.scripted()
        fill(source, {("app", "v1"): image, ("app", "keep"): keep})
        fill(destination, {("app", signature): small("sig"), ("app", "keep"): keep})
        self.replicate(source, destination, *self.ALL)
        self.assert_images(destination, {"v1": image, "keep": keep, signature: small("sig")})


class SourceInDestination(PruneCase):
    """Nothing of the source is extra at a destination that it is a part of."""

    def source_at(self, prefix):
        registry = self.scripted()
        fill(registry, {(f"{prefix}/{name}", f"v{tag}"): small(f"{name} {tag}") for name in ("app", "web") for tag in range(3)})
        return registry

    def assert_both(self, registry, source, destination=""):
        wanted = {f"{prefix}{name}:v{tag}" for prefix in (f"{source}/", destination) for name in ("app", "web") for tag in range(3)}
        self.assertEqual({f"{name}:{tag}" for name, tag in tags_of(registry)}, wanted)
        self.assert_every_tag_is_whole(registry)

    def test_in_one_registry(self):
        for source, destination in (("team", ""), ("mirror/team", "mirror")):
            with self.subTest(source=source, destination=destination):
                registry = self.source_at(source)
                places = f"{registry.host}/{source}", f"{registry.host}/{destination}"
                for _ in range(2):
                    report = self.replicate(*places, *self.ALL)
                    self.assertEqual(report["totals"]["deleted"], 0)
                self.assert_both(registry, source, destination and f"{destination}/")
                self.assertEqual(self.deletes(registry), [])
                self.assertEqual(self.program.run(*self.arguments(*places, command="check")).exit_code, 0)

    def test_what_is_extra_beside_it_goes(self):
        registry = self.source_at("team")
        fill(registry, {("teams", "v1"): small("gone"), ("app", "old"): small("old")})
        report = self.replicate(f"{registry.host}/team", registry, *self.ALL)
        self.assertEqual({name for name, outcome in outcomes(report).items() if outcome == "deleted"}, {"teams:v1", "team/app:old"})
        self.assert_both(registry, "team")

    def test_equal_names_of_a_registry(self):
        """In a file for sync, too."""
        registry = self.source_at("team")
        path = self.directory / "sync.yaml"
        path.write_text(
            f"defaults: {{lock: {self.lock}, progress: none, delete-extra: true, max-deletes: 100%}}\n"
            f"jobs: [{{name: up, source: 'docker://LocalHost:{registry.port}/team/', destination: 'localhost:{registry.port}'}}]\n")
        self.succeed("sync", "--config", path)
        self.assert_both(registry, "team")

    def test_a_repository_that_is_copied_over_another_of_the_source(self):
        registry = self.source_at("team")
        fill(registry, {("team/team/app", "inner"): small("inner")})
        self.replicate(f"{registry.host}/team", registry, *self.ALL)
        self.assertEqual({tag for name, tag in tags_of(registry) if name == "team/app"}, {"v0", "v1", "v2", "inner"})
        self.assertEqual(self.deletes(registry), [])

    def test_a_repository_that_is_its_own_copy(self):
        """With --map both sides may be the same place: what is not renamed stays as it is, what is renamed has a copy."""
        registry = self.source_at("team")
        fill(registry, {("own", "v1"): small(1), ("own", "v2"): small(2), ("mirror/app", "old"): small("old")})
        report = self.replicate(registry, registry, *self.ALL, "--map", "team/*=mirror/*", "--exclude-repo", "mirror/*", "--latest", "1")
        self.assertEqual({name for name, outcome in outcomes(report).items() if outcome == "deleted"}, {"team/app:old"})
        self.assertEqual({tag for name, tag in tags_of(registry) if name == "own"}, {"v1", "v2"})

    def test_in_one_tree_of_layouts(self):
        registry = self.source_at("team")
        top = self.directory / "tree"
        (top / "mirror").mkdir(parents=True)
        (self.directory / "link").symlink_to(top)
        for source, destination in ((top / "mirror/team", top / "mirror"), (self.directory / "link/mirror/team", top)):
            with self.subTest(source=source, destination=destination):
                self.replicate(f"{registry.host}/team", f"oci-tree:{source}")
                before = {name: (source / name / "index.json").read_bytes() for name in ("app", "web")}
                report = self.replicate(f"oci-tree:{source}", f"oci-tree:{destination}", *self.ALL)
                self.assertEqual({name: (source / name / "index.json").read_bytes() for name in before}, before)
                self.assertNotIn("mirror/team", str([name for name, outcome in outcomes(report).items() if outcome == "deleted"]))


class HiddenLists(PruneCase):
    """A repository that the source's catalog has, and whose tags it says are not there, is none that has no tags."""

    def setUp(self):
        super().setUp()
        self.source, self.destination = self.both({"v1": small(1), "v2": small(2)}, {})
        for registry in (self.source, self.destination):
            registry.load(small("other"), "other", "v1")
        self.destination.load(small("extra"), "other", "old")

    def test_404_deletes_nothing(self):
        self.source.rule("GET", "/v2/app/tags/list$", faults.status(404))
        for more in ((), ("--dry-run",)):
            result = self.replicate_text(self.source, self.destination, *self.ALL, *more, code=PARTIAL)
            for words in ("app: the source's catalog lists it", "--exclude-repo app", "nothing is deleted"):
                self.assertIn(words, result.stderr)
            self.assertRegex(result.stdout, "; 0 (deleted|to delete);")
        self.assertEqual(self.deletes(self.destination), [])
        self.assert_tags(self.destination, "v1", "v2")
        self.assert_tags(self.destination, "v1", "old", repository="other")

    def test_the_others_go_on_without_it(self):
        self.source.rule("GET", "/v2/app/tags/list$", faults.status(404))
        self.replicate(self.source, self.destination, *self.ALL, "--exclude-repo", "app")
        self.assertEqual(self.deletes(self.destination), ["/v2/other/manifests/old"])
        self.assert_tags(self.destination, "v1", "v2")

    def test_without_deletions_it_has_no_tags(self):
        self.source.rule("GET", "/v2/app/tags/list$", faults.status(404))
        result = self.replicate_text(self.source, self.destination)
        self.assertEqual(result.stderr.strip(), "")

    def test_a_name_that_the_source_does_not_have(self):
        """It would empty the destination, whatever may be deleted."""
        source = f"{self.source.host}/ap"
        for options, code in (((), OK), (self.ALL, PARTIAL), ((*self.ALL, "--dry-run"), PARTIAL)):
            result = self.replicate_text(source, self.destination, *options, code=code)
            self.assertIn(f"there is no repository in {source}: look at the name", result.stderr)
            self.assertEqual("nothing is deleted" in result.stderr, code == PARTIAL)
        self.assertEqual(self.deletes(self.destination), [])

    def test_an_empty_list_is_one(self):
        for tags in (b"null", b"[]"):
            with self.subTest(tags=tags):
                self.source.rules.clear()
                self.destination.load(small(1), "app", "v1")
                self.source.rule("GET", "/v2/app/tags/list$", faults.json_answer(b'{"name":"app","tags":%s}' % tags))
                self.replicate(self.source, self.destination, *self.ALL)
                self.assert_tags(self.destination)

    def test_a_layout_that_has_lost_its_index(self):
        top = self.directory / "tree"
        self.replicate(self.source, f"oci-tree:{top}")
        (top / "app/index.json").unlink()
        result = self.replicate_text(f"oci-tree:{top}", self.destination, *self.ALL, code=PARTIAL)
        self.assertIn("app: the source's catalog lists it", result.stderr)
        self.assertEqual(self.deletes(self.destination), [])

    def test_a_tree_that_is_missing(self):
        """Or a part of it that was named as a whole."""
        for missing in (self.directory / "tree", self.directory / "tree/team"):
            self.refuse_tree(NOT_FOUND, f"oci-tree:{missing}", self.destination, *self.ALL, words=("no directory",))
        self.assertEqual(self.destination.requests("DELETE"), [])


if __name__ == "__main__":
    unittest.main()
