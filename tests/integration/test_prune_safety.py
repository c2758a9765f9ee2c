"""--delete-extra never takes away what this run or another one has brought, nor anything of the source."""

import unittest

from support import faults, images
from support.case import PARTIAL
from support.tree import by_reference, fill, outcomes, small
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


if __name__ == "__main__":
    unittest.main()
