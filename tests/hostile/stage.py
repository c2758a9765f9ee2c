"""The scene of a case: two registries with logins of their own, what they hold, and the command that goes from one to the other."""

import dataclasses
import functools
import json

from registry import Account, HostileRegistry, SecondOrigin
from row import COPY, TREE
from support import certificates, images

REPOSITORY, TAG, BYSTANDER = "app", "v1", "other"


@functools.cache
def new_image(layer_size):
    return images.multi_arch("hostile-new", platforms=("linux/amd64", "linux/arm64"), layers=1, layer_size=layer_size)


@functools.cache
def old_image():
    return images.single("hostile-old", layers=1)


@functools.cache
def bystander_image():
    return images.single("hostile-bystander", layers=1)


class Stage:
    """`image` is what the source has under the tag, `old` what the destination has there. The large layer of a copy goes through
    the way of large bodies, the small one of a tree through the other."""

    LARGE, SMALL = 600_000, 4096

    def __init__(self, case, command):
        self.case, self.command, self.program = case, command, case.program
        self.options, self.env = [], {}
        self.lookalike = Account("lookalike")
        self.others = []  # further servers with a journal, which must see no secret
        self.secret_files = []
        self.aliases = {}  # side → further hosts under which it can be reached
        self.more_accounts = []  # that no registry knows
        self.heal_source = lambda: None
        self.wanted = None  # digest of what a run makes of `image`, where it is not that itself
        self.more_tags = set()  # that the destination has besides
        self._second = None
        self._behaviours = {}
        self.old, self.bystander = old_image(), bystander_image()
        self.source = self.destination = None
        self.serve("source")
        self.serve("destination")
        self.give(new_image(self.LARGE if command == COPY else self.SMALL))
        self.source_reference = self.destination_reference = None

    # --- what there is

    def serve(self, side, **options):
        """Starts the registry of a side, anew where it is there already."""
        before = getattr(self, side)
        registry = HostileRegistry(side, **options)
        self.case.addCleanup(registry.stop)
        setattr(self, side, registry)
        self._behaviours[side] = dataclasses.replace(registry.behaviour)
        if side == "destination":
            registry.load(self.old, REPOSITORY, TAG)
        elif before is not None:
            self.give(self.image)
        if before is not None:
            before.stop()
        self.write_logins()
        return registry

    def reach(self, side, host):
        """The command names a side by another host."""
        self.aliases.setdefault(side, []).append(host)
        self.write_logins()
        setattr(self, f"{side}_reference", f"docker://{host}/{REPOSITORY}:{TAG}")

    def give(self, image, layer=None):
        """The source has `image` under the tag. `layer`: the digest of the blob that the fault is about."""
        self.image = image
        self.source.load(image, REPOSITORY, TAG)
        self.source.load(self.bystander, BYSTANDER, TAG)
        largest = max(image.blobs, key=lambda digest: len(image.blobs[digest]), default=None)
        self.layer = layer or largest
        self.blob = f"/v2/{REPOSITORY}/blobs/{self.layer}$"

    def spoil(self, image):
        """The source has something under the tag that can't be copied, until all is healed."""
        self.source.load(image, REPOSITORY, TAG)

    def behave(self, side, **behaviour):
        """Changes what a registry is like, for good."""
        registry = getattr(self, side)
        registry.behaviour = dataclasses.replace(registry.behaviour, **behaviour)
        self._behaviours[side] = dataclasses.replace(registry.behaviour)

    manifests = f"/v2/{REPOSITORY}/manifests/"
    tag = f"/v2/{REPOSITORY}/manifests/{TAG}$"
    uploads = f"/v2/{REPOSITORY}/blobs/uploads/"
    tags_list = f"/v2/{REPOSITORY}/tags/list$"

    @property
    def layer_size(self):
        return len(self.image.blobs[self.layer])

    @property
    def second(self):
        if self._second is None:
            self._second = self.second_origin()
        return self._second

    def second_origin(self, registry=None, **options):
        origin = SecondOrigin(registry or self.source, **options)
        self.case.addCleanup(origin.stop)
        self.others.append(origin)
        return origin

    @functools.cached_property
    def authority(self):
        authority = certificates.CertificateAuthority(self.case.directory / "authority")
        self.options += ["--ca-file", authority.certificate]
        return authority

    @property
    def accounts(self):
        seconds = [other.account for other in self.others if isinstance(other, SecondOrigin)]
        more = [*self.more_accounts, *self.source.more_accounts, *self.destination.more_accounts]
        return [self.source.account, self.destination.account, self.lookalike, *more, *seconds]

    def write_logins(self):
        """docker's configuration: a login for each side, and some whose hosts only look like them."""
        if self.destination is None:
            return
        path = self.program.home / ".docker/config.json"
        auths = {}
        for side in ("source", "destination"):
            registry = getattr(self, side)
            for host in (registry.host, f"localhost:{registry.port}", *self.aliases.get(side, ())):
                auths[host] = {"auth": registry.account.basic}
        for host in ("127.0.0.1", "localhost", f"{self.source.host}0", f"x{self.source.host}"):
            auths.setdefault(host, {"auth": self.lookalike.basic})
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"auths": auths}))
        path.chmod(0o600)
        self.secret_files = [path, *(file for file in self.secret_files if file != path)]

    # --- runs

    def places(self):
        if self.command == TREE:
            return self.source.host, self.destination.host
        source = self.source_reference or f"docker://{self.source.host}/{REPOSITORY}:{TAG}"
        return source, self.destination_reference or f"docker://{self.destination.host}/{REPOSITORY}:{TAG}"

    def arguments(self, options=()):
        own = ["--lock", self.case.directory / "run.lock"] if self.command == TREE else []
        if not any(str(option) == "--retries" for option in options):
            own += ["--retries", "2"]
        return [self.command, "--progress", "none", "--output", "json", *own, *self.options, *options, *self.places()]

    def run(self, options=(), timeout=180, **more):
        """One run with what it took; `requests` counts those at both registries."""
        before = self.request_count()
        result = self.program.measure(*self.arguments(options), env=self.env, timeout=timeout, **more)
        result.requests = self.request_count() - before
        return result

    def request_count(self):
        return sum(len(registry.journal) for registry in {self.source, self.destination})

    def heal(self):
        """All faults are gone, and what they have spoilt at the source is whole again."""
        for side in ("source", "destination"):
            registry = getattr(self, side)
            registry.rules.clear()
            registry.closed, registry.challenges, registry.realm = False, None, f"{registry.url}/token"
            registry.tokens.extra, registry.tokens.key = {}, "token"
            registry.behaviour = dataclasses.replace(self._behaviours[side])
        for other in self.others:
            getattr(other, "rules", []).clear()
        self.write_logins()
        self.give(self.image, self.layer)
        self.heal_source()
