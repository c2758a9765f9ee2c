"""What a line of the catalogue is."""

from dataclasses import dataclass, field

COPY, TREE = "copy", "replicate-tree"
BOTH = (COPY, TREE)

# Class of a result → (exit code, its name in reports). NEW: exit 0, the destination's tag names the new image. All others: the
# tag names the old one.
CLASSES = {
    "NEW": (0, None),
    "AUTH": (4, "authentication"),
    "NF": (5, "not_found"),
    "TEMP": (6, "temporary"),
    "INTEG": (7, "integrity"),
    "DENY": (8, "denied"),
    "PROTO": (9, "protocol"),
    "TLS": (10, "tls"),
    "LOCAL": (11, "local_io"),
}
PARTIAL = 3


@dataclass
class Row:
    """One case. `setup(stage, *arguments)` brings the fault about; `variants` are names → arguments, each a test of its own, and
    `whole` further ones of the whole set; `expects` the classes of variants whose class is not `expect`.

    `recovers`: setup takes `times` as well, and each variant is run twice: with the fault for ever, which ends in `expect`, and
    with the fault once, which ends NEW.

    `host_wide`: the fault meets everything at that host: a tree run may end with the class itself, and its other repository is not
    judged.

    `play(stage)` instead of `setup`: the case drives the program itself."""

    number: int | str
    title: str
    expect: str
    setup: object = None
    commands: tuple = BOTH
    options: tuple = ()
    variants: dict = field(default_factory=lambda: {"": ()})
    whole: dict = field(default_factory=dict)
    expects: dict = field(default_factory=dict)
    recovers: bool = False
    check: object = None  # check(stage, result) after each run with the fault, but not after one that has recovered
    host_wide: bool = False
    sessions_stay: bool = False  # the registry refuses to end them
    tag_is_its_own: bool = False  # the registry itself puts something else under the tag
    play: object = None
    max_requests: int = 150
    max_seconds: float = 30  # of each run; most take a tenth of a second, but machines are busy

    @property
    def key(self):
        return self.number if isinstance(self.number, str) else f"{self.number:03}"


def named(*values):
    """Variants with one argument each, named after it."""
    return {str(value): (value,) for value in values}
