"""Which repositories a tree has, and what they are called on the other side."""

import unittest

from support import faults
from support.case import AUTHENTICATION, NOT_FOUND, PARTIAL, PROTOCOL, USAGE
from support.tree import TreeCase, fill, small, tags_of

NAMES = ("team", "team/app", "team/web/front", "teams/other", "solo")


class NamesCase(TreeCase):
    def setUp(self):
        super().setUp()
        self.source, self.destination = self.scripted(), self.scripted()
        self.fill(*NAMES)

    def fill(self, *names):
        fill(self.source, {(name, "v1"): small(name) for name in names})

    def arrived(self):
        """Repositories at the destination, each of which must be whole."""
        self.assert_every_tag_is_whole(self.destination)
        return {name for name, _ in tags_of(self.destination)}

    def assert_no_traffic(self):
        self.assertEqual([request.target for request in (*self.source.journal, *self.destination.journal)], [])


class Prefixes(NamesCase):
    def run_prefixes(self, source, destination, *options):
        self.replicate(f"{self.source.host}{source}", f"{self.destination.host}{destination}", *options)
        return self.arrived()

    def test_the_whole_registry(self):
        self.assertEqual(self.run_prefixes("", ""), set(NAMES))

    def test_a_prefix_at_the_destination(self):
        self.assertEqual(self.run_prefixes("", "/mirror/of"), {f"mirror/of/{name}" for name in NAMES})

    def test_a_prefix_is_the_repository_of_that_name_and_all_below(self):
        self.assertEqual(self.run_prefixes("/team", "/mirror"), {"mirror", "mirror/app", "mirror/web/front"})

    def test_a_prefix_at_the_source_alone(self):
        self.assertEqual(self.run_prefixes("/team", ""), {"team", "app", "web/front"})

    def test_a_prefix_that_is_one_repository(self):
        self.assertEqual(self.run_prefixes("/solo", "/copy/of/solo"), {"copy/of/solo"})

    def test_the_same_prefix_on_both_sides(self):
        self.assertEqual(self.run_prefixes("/team", "/team"), {"team", "team/app", "team/web/front"})

    def test_a_prefix_that_names_nothing(self):
        self.replicate(f"{self.source.host}/nothing", self.destination.host)
        self.assertEqual(self.arrived(), set())
        report = self.program.run(*self.arguments(f"{self.source.host}/nothing", self.destination, "--fail-on-empty"))
        self.assertEqual(report.exit_code, NOT_FOUND, report)

    def test_localhost_with_a_port_is_a_registry(self):
        self.replicate(f"localhost:{self.source.port}", f"localhost:{self.destination.port}/x")
        self.assertEqual(self.arrived(), {f"x/{name}" for name in NAMES})

    def test_what_is_no_tree(self):
        for source in ("team/app", f"{self.source.host}/team:v1", f"oci:{self.directory}/x", "",
                       f"{self.source.host}/Team", f"docker://{self.source.host}/team@sha256:{'0' * 64}"):
            with self.subTest(source=source):
                self.refuse_tree(USAGE, source, self.destination)
        self.assert_no_traffic()


class Overlaps(NamesCase):
    def test_a_destination_below_its_source_does_not_grow_with_every_run(self):
        """What an earlier run wrote there is no source for the next; or the run is refused."""
        registry = self.source
        first = self.program.run(*self.arguments(registry, f"{registry.host}/mirror"))
        if first.exit_code == USAGE:
            return
        self.assertEqual(first.exit_code, 0, first)
        before = tags_of(registry)
        self.assertEqual(len(before), 2 * len(NAMES))
        self.replicate(registry, f"{registry.host}/mirror")
        self.assertEqual(tags_of(registry), before)

    def test_the_same_place(self):
        for source, destination in ((self.source.host, self.source.host), (f"{self.source.host}/team",) * 2,
                                    (f"oci-tree:{self.directory}",) * 2):
            with self.subTest(source=source):
                self.refuse_tree(USAGE, source, destination)


class Maps(NamesCase):
    def test_renaming(self):
        self.replicate(self.source, f"{self.destination.host}/m", "--map", "team/*=product/*", "--map", "solo=one")
        self.assertEqual(self.arrived(), {"m/team", "m/product/app", "m/product/web/front", "m/teams/other", "m/one"})

    def test_the_first_rule_that_matches_counts(self):
        self.replicate(f"{self.source.host}/team", self.destination, "--map", "app=first", "--map", "*=rest/*")
        self.assertEqual(self.arrived(), {"team", "first", "rest/web/front"})

    def test_collisions_are_refused_before_anything_moves(self):
        result = self.program.run(*self.arguments(self.source, self.destination, "--map", "solo=team"))
        self.assertEqual(result.exit_code, USAGE, result)
        for word in ("solo", "team"):
            self.assertIn(word, result.stderr)
        self.assertEqual(self.arrived(), set())
        self.assertEqual([request for request in self.source.journal if "_catalog" not in request.path], [])
        self.assertEqual(self.destination.journal, [])

    def test_collisions_of_named_repositories_need_no_traffic(self):
        result = self.program.run(*self.arguments(self.source, self.destination, "--map", "*=one", "--repo", "team/app",
                                                  "--repo", "solo"))
        self.assertEqual(result.exit_code, USAGE, result)
        result = self.program.run(*self.arguments(self.source, self.destination, "--map", "team/app=one", "--map", "solo=one",
                                                  "--repo", "team/app", "--repo", "solo"))
        self.assertEqual(result.exit_code, USAGE, result)
        self.assert_no_traffic()

    def test_the_prefix_itself_and_a_repository_of_its_name_below_it_collide(self):
        self.fill("team/team")
        result = self.program.run(*self.arguments(f"{self.source.host}/team", self.destination))
        self.assertEqual(result.exit_code, USAGE, result)
        self.assertEqual(self.arrived(), set())

    def test_rules_that_can_not_be(self):
        for rule in ("team", "=x", "team=", "*=x", "x=*", "*/*=*/*", "team=UPPER", "team=a//b", "team=../x"):
            with self.subTest(rule=rule):
                self.refuse_tree(USAGE, self.source, self.destination, "--map", rule, words="--map")
        self.assert_no_traffic()


class Explicit(NamesCase):
    def test_repo(self):
        self.replicate(self.source, self.destination, "--repo", "team/app", "--repo", "solo")
        self.assertEqual(self.arrived(), {"team/app", "solo"})
        self.assertEqual(self.source.requests(path="_catalog"), [])

    def test_repos_file(self):
        path = self.directory / "repos"
        path.write_text("# ours\nteam/app\n\n  solo  # the other\r\nteam/app\n")
        self.replicate(self.source, self.destination, "--repos-file", path)
        self.assertEqual(self.arrived(), {"team/app", "solo"})

    def test_repos_file_from_standard_input(self):
        self.replicate(self.source, self.destination, "--repos-file", "-", stdin=b"team/app\nteams/other\n")
        self.assertEqual(self.arrived(), {"team/app", "teams/other"})
        self.assertEqual(self.source.requests(path="_catalog"), [])

    def test_bad_lists(self):
        bad = self.directory / "bad"
        bad.write_text("team/app\nnot a name\n")
        empty = self.directory / "empty"
        empty.write_text("# nothing\n")
        for options in (("--repos-file", bad), ("--repos-file", self.directory / "none"), ("--repo", "Upper"),
                        ("--repo", ""), ("--repos-file", empty)):
            with self.subTest(options=options):
                self.refuse_tree((USAGE, NOT_FOUND), self.source, self.destination, *options)
        self.assert_no_traffic()

    def test_a_repository_outside_the_prefix(self):
        result = self.program.run(*self.arguments(f"{self.source.host}/team", self.destination, "--repo", "solo"))
        self.assertEqual(result.exit_code, USAGE, result)
        self.assertIn("solo", result.stderr)
        self.assert_no_traffic()

    def test_one_that_is_not_there_does_not_stop_the_others(self):
        report = self.replicate(self.source, self.destination, "--repo", "solo", "--repo", "gone", code=PARTIAL)
        self.assertEqual(self.arrived(), {"solo"})
        failed = [entry for entry in report["references"] if entry["outcome"] == "failed"]
        self.assertEqual([(entry["source_repository"], entry["tag"], entry["error_class"]) for entry in failed],
                         [("gone", "", "not_found")])


class Catalog(NamesCase):
    def test_no_catalog_is_told_with_a_hint(self):
        for status, codes in ((404, (NOT_FOUND,)), (405, (NOT_FOUND,)), (501, (NOT_FOUND,)), (403, (NOT_FOUND,)),
                              (401, (NOT_FOUND, AUTHENTICATION))):
            with self.subTest(status=status):
                self.source.behaviour.catalog = status
                result = self.program.run(*self.arguments(self.source, self.destination))
                self.assertIn(result.exit_code, codes, result)
                self.check_run(result)
                for word in ("catalog", "--repo ", "--repos-file"):
                    self.assertIn(word, result.stderr)
        self.assertEqual(self.arrived(), set())

    def test_without_a_catalog_a_prefix_is_one_repository(self):
        for status in (404, 403):
            with self.subTest(status=status):
                self.source.behaviour.catalog = status
                self.replicate(f"{self.source.host}/team", f"{self.destination.host}/{status}")
        self.assertEqual(self.arrived(), {"404", "403"})

    def test_a_token_that_is_not_good_for_the_catalog(self):
        """As the large public registries do it: pull for everybody, the catalog for nobody."""
        server = self.token_server(grants={"": [("*", "pull")]})
        registry = self.registry(token=server.registry_settings())
        fill(registry, {(name, "v1"): small(name) for name in NAMES})
        result = self.program.run(*self.arguments(registry, self.destination))
        self.assertEqual(result.exit_code, NOT_FOUND, result)
        self.assertIn("--repos-file", result.stderr)
        self.replicate(f"{registry.host}/team", f"{self.destination.host}/one")
        self.replicate(registry, self.destination, "--repo", "team/app", "--repo", "solo")
        self.assertEqual(self.arrived(), {"one", "team/app", "solo"})

    def test_without_a_catalog_names_do(self):
        self.source.behaviour.catalog = 404
        self.replicate(self.source, self.destination, "--repo", "team/app")
        self.assertEqual(self.arrived(), {"team/app"})

    def test_pages(self):
        self.fill(*(f"many/r{number:03}" for number in range(120)))
        for number in range(70):
            self.source.load(small("page"), "solo", f"t{number}")
        self.source.behaviour.catalog_page, self.source.behaviour.page_size = 7, 10
        report = self.replicate(self.source, self.destination)
        self.assertEqual(report["totals"]["repositories"], 125)
        self.assertEqual(report["totals"]["copied"], 125 + 70)
        self.assertEqual(tags_of(self.destination), tags_of(self.source))
        self.assertEqual(len(self.source.requests(path="_catalog")), -(-125 // 7))
        self.assertEqual(len(self.source.requests(path="/solo/tags/list")), -(-71 // 10))

    def test_pages_of_a_real_registry(self):
        registry = self.registry()
        fill(registry, {(f"r{number:03}", "v1"): small("one") for number in range(250)})
        self.replicate(registry, self.destination)
        self.assertEqual(tags_of(self.destination), tags_of(registry))

    def test_a_page_that_fails_is_an_error_and_not_a_shorter_list(self):
        self.source.behaviour.catalog_page = 2
        self.source.rule("GET", "_catalog", faults.status(500), nth=2)
        self.source.rule("GET", "_catalog", faults.status(500), nth=3)
        report = self.program.run(*self.arguments(self.source, self.destination, "--retries", "1"))
        self.assertEqual(report.exit_code, 6, report)
        self.assertEqual(self.arrived(), set())

    def test_pages_that_go_round_or_lead_away(self):
        for link in ('</v2/_catalog>; rel="next"', f'<{self.destination.url}/v2/_catalog?last=x>; rel="next"'):
            with self.subTest(link=link):
                self.source.rules.clear()
                self.source.rule("GET", "_catalog", faults.SetHeader(Link=link))
                result = self.program.run(*self.arguments(self.source, self.destination))
                self.assertEqual(result.exit_code, PROTOCOL, result)
                self.assertEqual(self.destination.journal, [])

    def test_names_that_can_not_be_are_passed_over(self):
        names = b'{"repositories":["../../etc","team/app","Upper","a b","\\u001b[31m","solo","-x",""]}'
        self.source.rule("GET", "_catalog", faults.json_answer(names))
        self.replicate(self.source, self.destination)
        self.assertEqual(self.arrived(), {"team/app", "solo"})

    def test_a_catalog_that_is_no_json(self):
        self.source.rule("GET", "_catalog", faults.html())
        result = self.program.run(*self.arguments(self.source, self.destination))
        self.assertEqual(result.exit_code, PROTOCOL, result)
        self.check_run(result)


if __name__ == "__main__":
    unittest.main()
