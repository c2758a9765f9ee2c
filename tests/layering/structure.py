"""Reads the sources of a tree of this shape and names what breaks its rules. Used by the checks beside it."""

import pathlib
import re

MODULE = re.compile(r"^\s*freightliner_module\(\s*(\w+)", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
LAST_MODULE = "cli"  # the program itself stands below every library
CURL_MODULE = "http"
SOURCE_ENDINGS = (".h", ".cc")
MAXIMUM_LINES = 500
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|GTEST_SKIP|DISABLED_\w+)\b|\bskipTest\b|@unittest\.skip")


def module_order(root):
    """Module names, the lowest floor first, as CMakeLists.txt links them."""
    order = MODULE.findall((root / "CMakeLists.txt").read_text())
    return order + [LAST_MODULE] if LAST_MODULE not in order else order


def sources(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCE_ENDINGS and path.is_file():
                yield path


def module_of(root, path):
    parts = path.relative_to(root).parts
    public = parts[:2] == ("include", "freightliner")
    return (parts[2] if public else parts[1]), public


def included_module(name, order):
    """The module that an include names, and whether by a public header; None for anything outside the project."""
    parts = name.split("/")
    if parts[0] == "freightliner" and len(parts) > 2:
        return parts[1], True
    if len(parts) > 1 and parts[0] in order:
        return parts[0], False
    return None, False


def layering_faults(root):
    root = pathlib.Path(root)
    order = module_order(root)
    faults = []
    if len(order) < 2:
        faults.append("CMakeLists.txt: no freightliner_module(...) found")
    for path in sources(root, "include/freightliner", "src"):
        own, public = module_of(root, path)
        place = path.relative_to(root)
        if own not in order:
            faults.append(f"{place}: module '{own}' is not in CMakeLists.txt")
            continue
        for quote, name in INCLUDE.findall(path.read_text(errors="replace")):
            faults += [f"{place}: {fault}" for fault in include_faults(order, own, public, quote, name)]
    return faults


def include_faults(order, own, public, quote, name):
    if re.match(r"^curl/", name) and own != CURL_MODULE:
        yield f"includes <{name}>: only {CURL_MODULE} may"
    module, of_public = included_module(name, order)
    if module is None:
        if quote == '"':
            yield f'includes "{name}": name the module, as in "freightliner/base/result.h" or "{own}/x.h"'
        return
    if module not in order:
        yield f'includes "{name}": no such module'
    elif order.index(module) > order.index(own):
        yield f'includes "{name}": {module} stands above {own} in the house; only lower floors may be used'
    elif not of_public and module != own:
        yield f'includes "{name}": a private header of {module}'
    elif not of_public and public:
        yield f'includes "{name}": a public header includes a private one'


def hygiene_faults(root):
    root = pathlib.Path(root)
    faults = []
    for path in sources(root, "src", "include", "tests", "bench"):
        text = path.read_text(errors="replace")
        lines = text.count("\n")
        if lines > MAXIMUM_LINES:
            faults.append(f"{path.relative_to(root)}: {lines} lines; more than {MAXIMUM_LINES} hide a second responsibility")
        faults += unfinished(root, path, text)
    for folder in ("integration", "validation", "hostile"):
        for path in sorted((root / "tests" / folder).rglob("*.py")):
            faults += unfinished(root, path, path.read_text(errors="replace"))
    return faults


def document_faults(root):
    """Tests that the threat model names and that are not there."""
    root = pathlib.Path(root)
    document = root / "docs" / "THREAT_MODEL.md"
    named = NAMED_TEST.findall(document.read_text())
    faults = [] if named else ["docs/THREAT_MODEL.md: names no test"]
    for file, test in named:
        path = root / file
        if not path.is_file():
            faults.append(f"docs/THREAT_MODEL.md: there is no {file}")
        elif test and f"def {test}(" not in path.read_text():
            faults.append(f"docs/THREAT_MODEL.md: {file} has no {test}")
    return faults


def unfinished(root, path, text):
    return [
        f"{path.relative_to(root)}:{number}: {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (match := UNFINISHED.search(line))
    ]


def report(faults, what):
    for fault in faults:
        print(fault)
    print(f"{what}: {len(faults)} faults" if faults else f"{what}: in order")
    return 1 if faults else 0
