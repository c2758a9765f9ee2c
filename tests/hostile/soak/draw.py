"""What a seed draws for a round: images, registries, options, faults."""

from dataclasses import dataclass, field

import mix as mixes
import places
from judge import MAX_RSS_KIB
from row import COPY, TREE
from support import images

SIZES = (10, 4096, 70_000, 600_000)


@dataclass
class Entry:
    """One image that is asked for. `old` is what the destination has before, None where nothing."""

    repository: str
    tag: str
    old: images.Image | None
    new: images.Image
    place: object
    wanted: str = ""  # digest that the destination gets
    referrers: list = field(default_factory=list)  # images that come along

    @property
    def name(self):
        return self.repository, self.tag

    def digest(self):
        """What the destination has, verified with everything below it; None where there is no such tag."""
        return self.place.digest(self.repository, self.tag)


def image(generator, plain=False):
    """`plain`: an image of layers that --recompress takes."""
    seed, size = generator.getrandbits(32), generator.choice(SIZES)
    docker = generator.random() < 0.3
    shapes = [
        lambda: images.single(seed, layers=generator.randint(1, 4), layer_size=size, docker=docker),
        lambda: images.multi_arch(seed, platforms=images.PLATFORMS[: generator.randint(1, 3)], docker=docker, layer_size=size),
    ]
    if not plain:
        shapes += [lambda: images.nested(2, seed), lambda: images.artifact(seed), lambda: images.with_duplicate_layers(seed),
                   lambda: images.with_empty_blob(seed), lambda: images.with_odd_bytes(seed)]
    return generator.choice(shapes)()


def behaviours(generator, stage):
    """Registries of one kind or another."""
    for side in ("source", "destination"):
        stage.serve(side, login=generator.choice(("none", "basic", "bearer")),
                    mount=generator.choice(("never", "real", "refuse")),
                    location=generator.choice(("relative", "absolute", "bare")),
                    range=generator.choice(("ok", "ok", "ignored")),
                    page_size=generator.choice((0, 2)), catalog_page=generator.choice((0, 2)),
                    digest_header=generator.random() < 0.8, referrers=side == "source" or generator.random() < 0.5)


def options(case, kind, where):
    generator, directory = case.generator, case.directory
    drawn = ["--retries", generator.choice((2, 3, 4))]
    for name, values in (("--jobs", (1, 2, 4)), ("--jobs-per-host", (1, 2, 8)), ("--buffer-pool", ("off",)),
                         ("--buffer-size", ("64KiB", "1MiB")), ("--chunk-size", ("64KiB", "256KiB")),
                         ("--max-memory", (f"{MAX_RSS_KIB >> 10}MiB",)), ("--bandwidth-limit", ("20MiB",))):
        if generator.random() < 0.3:
            drawn += [name, generator.choice(values)]
    if generator.random() < 0.2 and not case.recompress:  # they sign what the source has
        drawn.append("--referrers")
    if (kind == TREE or (kind, where) == (COPY, "registry")) and generator.random() < 0.5:
        (directory / "state").mkdir()
        drawn += ["--checkpoint", directory / "state/checkpoint"]
    return drawn


def recompression(generator):
    return ["--recompress", f"zstd:{generator.randint(1, 5)}"] if generator.random() < 0.15 else []


def entries(case, kind, where):
    """The images that the round copies."""
    generator, made = case.generator, {}

    def place(name):
        if name not in made:
            made[name] = {
                "registry": lambda: places.InRegistry(case.stage.destination),
                "layouts": lambda: places.InLayouts(case.directory / "layouts"),
                "archives": lambda: places.InArchives(case.directory / "archives"),
                "tree": lambda: places.InTree(case.directory / "tree"),
            }[name]()
        return made[name]

    count = 1 if kind == COPY else generator.randint(2, 8)
    team = "team/" if where in ("registry", "tree") else ""
    names = [(f"{team}app{number // 3}", f"v{number % 3}") for number in range(count)]
    drawn = []
    for repository, tag in names:
        where_to = generator.choice(("registry", "layouts", "archives")) if where == "mixed" else where
        old = image(generator) if generator.random() < 0.6 else None
        drawn.append(Entry(repository, tag, old, image(generator, bool(case.recompress)), place(where_to)))
        if "--referrers" in case.options:
            drawn[-1].referrers = [images.referrer(drawn[-1].new, number) for number in range(generator.randint(0, 2))]
    return drawn


def mix(generator, seed, stage):
    """Mostly faults that are tried again; sometimes one or two that may end a copy."""
    kinds = generator.sample(list(mixes.TRANSIENT), generator.randint(1, len(mixes.TRANSIENT)))
    if generator.random() < 0.3:
        kinds.append("hang")
    if generator.random() < 0.35:
        kinds += generator.sample(list(mixes.LASTING), generator.randint(1, 2))
    return mixes.Mix((stage.source, stage.destination), seed, generator.choice((0.02, 0.05, 0.1, 0.2)), kinds)
