"""What a run costs grows with what it has to do, and in proportion: requests and allocations per tag, per layer, per repository."""

import re
import unittest

from validation import SCALE, ValidationCase  # before support, which it finds

from support import images
from support.case import at
from support.tree import MEMORY, fill, small, tree, without_overview

FEW, MANY = 1_000, 5_000 * SCALE
PAGE = 1_000  # of bench/many_tags.py
LAYERS = (10, 200)


class Tags(ValidationCase):
    def arguments(self, source, destination, *options):
        return ("replicate-tree", "--progress", "none", "--lock", self.directory / "lock", *options, source.host, destination.host)

    def replicate(self, tags, destination, *options):
        """Allocations, and what both sides counted."""
        kind = destination[1]
        source = self.helper("many_tags.py", tags, "full", kind)
        target = self.helper("many_tags.py", tags, *destination)
        counted = self.allocations(*self.arguments(source, target, *options), timeout=120)
        return counted.all, source.stop(), target.stop()

    def assert_in_proportion(self, few, many, more=1.1):
        """Per tag no more than for the few, where the fixed costs weigh more."""
        self.assertLessEqual(many / MANY, more * few / FEW)

    def test_equal_tags(self):
        costs = {tags: self.replicate(tags, ("full", "distinct")) for tags in (FEW, MANY)}
        for tags, (_, source, destination) in costs.items():
            for side in (source, destination):
                self.assertEqual(side["HEAD"], tags)
                self.assertLessEqual(side["GET"], tags // PAGE + 4, "pages of the list, catalog, ping, and nothing for a tag")
                self.assertLessEqual(side["connections"], 64 + 2)
            self.assertEqual(destination.get("PUT", 0) + destination.get("POST", 0), 0)
        self.assert_in_proportion(costs[FEW][0], costs[MANY][0])

    def test_new_tags_of_one_image(self):
        costs = {tags: self.replicate(tags, ("empty", "same")) for tags in (FEW, MANY)}
        for tags, (_, source, destination) in costs.items():
            self.assertEqual(destination["PUT"], tags + 2, "a manifest for each tag, and each blob once")
            self.assertLessEqual(source["GET"] + source.get("HEAD", 0), tags + tags // PAGE + 8, "one for a tag; each blob once")
        self.assert_in_proportion(costs[FEW][0], costs[MANY][0])

    def test_patterns_allocate_nothing_for_a_tag(self):
        """What 20 patterns cost is their compilation, whatever the number of tags that they look at. With one worker, for each further one
        allocates for a session of its own."""
        one_worker = ("--jobs", "1", "--jobs-per-host", "2")
        patterns = [f"--exclude-tag={text}" for number in range(5)
                    for text in (f"x{number}*", f"*-y{number}", f"re:z{number}+.*", f"[!v]*{number}")]
        more = {}
        for tags in (FEW, MANY):
            plain, filtered = (self.replicate(tags, ("full", "distinct"), *one_worker, *options)[0]
                               for options in ((), patterns))
            more[tags] = filtered - plain
        self.assertLess(more[MANY] - more[FEW], (MANY - FEW) / 2, more)


class Requests(ValidationCase):
    def registry(self, **options):
        return super().registry(base=MEMORY, **options)

    def of_a_copy(self, layers):
        image = images.single(layers, layers=layers, layer_size=512)
        source, destination = self.registry(), self.registry()
        self.push(source, image, "a", "v1")
        for registry in (source, destination):
            registry.mark()
        self.copy(at(source, "a", "v1"), at(destination, "a", "v1"))
        return [len(registry.requests()) for registry in (source, destination)]

    def test_per_layer(self):
        """GET at the source; POST and PUT at the destination, which tells by the POST that it does not have the layer. That is
        learned at the first layers (docs/adr/0003); all else does not depend on their number."""
        few, many = (self.of_a_copy(layers) for layers in LAYERS)
        layers = LAYERS[1] - LAYERS[0]
        self.assertEqual(many[0] - few[0], layers)
        self.assertLessEqual(many[1] - few[1], 2 * layers + 8)

    def test_shared_layers(self):
        """Repositories that share all their layers: each layer is read and uploaded once, a mount for every other repository."""
        image = small(1)
        for repositories in (5, 20):
            source, destination = self.registry(), self.registry()
            fill(source, {(f"repository{number:02}", "v1"): image for number in range(repositories)})
            self.succeed("replicate-tree", "--progress", "none", "--lock", self.directory / "lock", tree(source), tree(destination))
            blobs = len(image.blobs)
            self.assertEqual(len(source.requests(method="GET", path="/blobs/")), blobs)
            self.assertEqual(len(destination.requests(method="PUT", path="/blobs/uploads/")), blobs)
            mounts = [request for request in destination.requests(method="POST") if "mount=" in request.query]
            self.assertTrue(all(re.search("from=", mount.query) for mount in mounts))
            done = [mount for mount in mounts if mount.status == 201]
            within = [mount for mount in done if re.search(r"from=([^&]+)", mount.query)[1] in mount.path.split("/")]
            self.assertEqual(len(done) - len(within), blobs * (repositories - 1))
            self.assertLessEqual(len(within), 1, "one within a repository shows that mounts tell what is there")

    def test_repositories_and_tags(self):
        """Nothing to do: one HEAD on each side for a tag, one list for a repository, however many there are."""
        for repositories, tags in ((4, 25), (20, 50)):
            registries = self.registry(), self.registry()
            contents = {(f"r{number:02}", f"v{tag}"): small(tag) for number in range(repositories) for tag in range(tags)}
            for registry in registries:
                fill(registry, contents)
            self.succeed("replicate-tree", "--progress", "none", "--lock", self.directory / "lock", *map(tree, registries))
            for registry in registries:
                asked = without_overview(registry.requests())
                self.assertEqual({request.method for request in asked}, {"HEAD"})
                self.assertEqual(len(asked), repositories * tags)
                self.assertEqual(len(registry.requests(path="/tags/list$")), repositories)


if __name__ == "__main__":
    unittest.main()
