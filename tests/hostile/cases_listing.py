"""Lists of tags that go round, lead away, break off, or are empty in one of several ways; and what is deleted by them: nothing."""

import itertools
import json

from cases_blob_read import endless
from row import TREE, Row, named
from stage import Stage
from support import faults, images

ONLY_TREE = (TREE,)


def with_extra_tag(stage):
    """The destination has a tag that the source lacks, and the run may delete such."""
    stage.destination.load(images.single("extra", layers=1), "app", "extra")
    stage.more_tags = {"extra"}
    stage.options += ["--delete-extra", "--max-deletes", "10"]


def nothing_deleted(stage, _=None):
    stage.case.assertIn("extra", stage.destination.repository("app").tags)
    stage.case.assertEqual(stage.destination.requests("DELETE", "/manifests/"), [])


def links(stage, kind):
    with_extra_tag(stage)
    stage.most_pages = 40_001 if kind == "endless" else 10
    numbers = itertools.count()
    path = "/v2/app/tags/list"
    second = stage.second_origin()

    class Link(faults.Fault):
        def after(self, request, response):
            target = {"self": path, "pair": f"{path}?n={next(numbers) % 2}", "second": f"{second.url}{path}",
                      "endless": f"{path}?last={next(numbers)}", "scheme": f"ftp://{stage.source.host}{path}"}[kind]
            response.headers.set("Link", f'<{target}>; rel="next"')
            return response

    stage.source.rule("GET", stage.tags_list, Link())


def few_pages(stage, _):
    nothing_deleted(stage)
    stage.case.assertEqual([request.target for other in stage.others for request in other.journal], [])
    stage.case.assertLessEqual(len(stage.source.requests("GET", stage.tags_list)), stage.most_pages)


def on_second_page(stage, side, fault):
    stage.behave(side, page_size=1)
    rule = getattr(stage, side).rule("GET", stage.tags_list, fault)
    applies = rule.applies
    rule.applies = lambda request: request.argument("last") is not None and applies(request)
    return rule


def second_page(stage, fault):
    """The first one has v0, which the destination lacks, and not v1."""
    with_extra_tag(stage)
    stage.source.load(stage.image, "app", "v0")
    stage.more_tags.add("v0")
    on_second_page(stage, "source", fault)


def nothing_partial(stage, _):
    """What the first page has is not copied, and what it lacks is not deleted."""
    nothing_deleted(stage)
    stage.case.assertEqual(set(stage.destination.repository("app").tags), {"v1", "extra"})


def answered(stage, body):
    stage.source.rule("GET", stage.tags_list, faults.json_answer(body if isinstance(body, bytes) else json.dumps(body).encode()))


def once(stage, _):
    tagged = stage.destination.requests("PUT", stage.tag)
    stage.case.assertEqual(len(tagged), 1)


def no_tags(stage, what):
    """null, [] and 404 are three answers: no tags, no tags, no such repository."""
    stage.options += ["--repo", "app", "--repo", "other"]
    if what == "404":
        stage.source.rule("GET", stage.tags_list, faults.json_answer(b'{"errors":[{"code":"NAME_UNKNOWN"}]}', code=404))
    else:
        answered(stage, f'{{"name":"app","tags":{what}}}'.encode())


def no_tags_are_distinct(stage):
    for what, exit_code in (("null", 0), ("[]", 0), ("404", 3)):
        stage.heal()
        stage.options = []
        no_tags(stage, what)
        result = stage.run()
        stage.case.assertEqual(result.exit_code, exit_code, result)
        report = json.loads(result.stdout)
        failed = [entry["error_class"] for entry in report["references"] if entry["source_repository"] == "app"]
        stage.case.assertEqual(failed, ["not_found"] if what == "404" else [], result)
        stage.case.assertEqual(stage.destination.repository("app").tags, {"v1": stage.old.digest})
    stage.heal()
    stage.options = []
    stage.judge.converges("NF")


def ignores_n(stage):
    """It has more tags than the page that is asked for, and gives all at once, without a Link."""
    stage.more_tags = {f"t{number}" for number in range(1_001)}
    for tag in stage.more_tags:
        stage.source.load(stage.bystander, "app", tag)


def asked_once(stage, _):
    lists = stage.source.requests("GET", stage.tags_list)
    stage.case.assertEqual(len(lists), 1)
    stage.case.assertLess(int(lists[0].argument("n")), len(stage.more_tags))
    stage.case.assertEqual(stage.destination.repository("app").tags, stage.source.repository("app").tags)


def filters_match_nothing(stage):
    stage.options = ["--include-tag", "none-has-this-name"]
    for more, exit_code in (((), 0), (("--fail-on-empty",), 5)):
        result = stage.run(more)
        stage.case.assertEqual(result.exit_code, exit_code, result)
        stage.case.assertIn("no tag is selected", result.stderr, result)
        stage.judge.after(result, "NF")
    stage.options = []
    stage.judge.converges("NF")


def prune(stage, expect, side, path, fault, method="GET"):
    """Whatever goes wrong on the way to a list: what is there stays, and the next run without faults deletes it."""
    with_extra_tag(stage)
    if path == "second page":
        rule = on_second_page(stage, side, fault)
    else:
        rule = getattr(stage, side).rule(method, path, fault)
    result = stage.run(("--retries", "1"))
    outcome = stage.judge.outcome(result, expect)
    stage.case.assertGreater(rule.hits, 0)
    nothing_deleted(stage)
    stage.judge.after(result, outcome)
    stage.heal()
    stage.judge.converges(outcome)
    stage.case.assertEqual(stage.destination.repository("app").tags, {"v1": stage.image.digest})


def prune_filter_error(stage):
    with_extra_tag(stage)
    result = stage.run(("--include-tag", "re:("))
    stage.case.assertEqual(result.exit_code, 2, result)
    nothing_deleted(stage)
    stage.case.assertEqual(stage.destination.requests(), [], "it is found out before anything is asked")


LIST_FAULTS = {
    "401": ("AUTH", faults.status(401)), "403": ("DENY", faults.status(403)), "500": ("TEMP", faults.status(500)),
    "html": ("PROTO", faults.html()), "cut": ("TEMP", faults.Cut(5)), "no_list": ("PROTO", faults.json_answer(b'{"tags":7}')),
    "endless": ("PROTO", faults.Raw(endless)),
}


def list_faults(side, path, *names):
    """Variants of prune()."""
    return {f"{side}_{name}": (LIST_FAULTS[name][0], side, path, LIST_FAULTS[name][1]) for name in names}


def prune_row(title, variants, **more):
    """prune() is told the class itself."""
    expects = {name: arguments[0] for name, arguments in variants.items()}
    return Row(113, title, next(iter(expects.values())), play=prune, commands=ONLY_TREE, variants=variants, expects=expects, **more)


ROWS = [
    Row(87, "links that go round", "PROTO", links, commands=ONLY_TREE, variants=named("self", "pair"), check=few_pages),
    Row(87, "links that never end", "PROTO", links, commands=ONLY_TREE, variants={}, whole=named("endless"), check=few_pages,
        max_requests=41_000),
    Row(88, "the second page fails", "TEMP", second_page, commands=ONLY_TREE, check=nothing_partial, variants={
        "503": (faults.status(503),), "cut": (faults.Cut(3),)}),
    Row(89, "link to another host", "PROTO", links, commands=ONLY_TREE, variants=named("second", "scheme"), check=few_pages),
    Row(90, "duplicate tags", "NEW", answered, commands=ONLY_TREE, check=once,
        variants={"": ({"name": "app", "tags": ["v1"] * 5},)}),
    Row(91, "null, [] and 404 are told apart", "NF", play=no_tags_are_distinct, commands=ONLY_TREE),
    Row(92, "n is ignored, no Link", "NEW", ignores_n, commands=ONLY_TREE, check=asked_once, max_requests=6_000),
    Row(93, "a filter matches nothing", "NF", play=filters_match_nothing, commands=ONLY_TREE),
    prune_row("a list that fails deletes nothing", {
        **list_faults("source", Stage.tags_list, *LIST_FAULTS),
        **list_faults("destination", Stage.tags_list, *(name for name in LIST_FAULTS if name != "403"))}),
    prune_row("the second page of the destination's list fails",
              list_faults("destination", "second page", "401", "500", "html", "cut")),
    prune_row("a catalog that fails deletes nothing", list_faults("source", "^/v2/_catalog", "500", "cut", "html"), host_wide=True),
    prune_row("a login that fails deletes nothing", {
        side: ("AUTH", side, "^/v2/", faults.status(401), "*") for side in ("source", "destination")}, host_wide=True),
    Row(113, "a filter that is none deletes nothing", "NF", play=prune_filter_error, commands=ONLY_TREE),
]
