"""Images of every kind, made in memory from a seed: the same call gives the same bytes."""

import hashlib
import io
import json
import pathlib
import random
import shutil
import struct
import tarfile
import zlib
from dataclasses import dataclass, field

from .process import run_tool

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
REF_NAME = "org.opencontainers.image.ref.name"
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def to_json(document):
    return json.dumps(document, separators=(",", ":")).encode()


def random_bytes(seed, size):
    return random.Random(seed).randbytes(size)


def platform_of(text):
    os_name, architecture, *variant = text.split("/")
    return {"architecture": architecture, "os": os_name, **({"variant": variant[0]} if variant else {})}


@dataclass
class Image:
    """What a reference names: the root descriptor and everything below it, keyed by digest."""

    root: dict
    manifests: dict = field(default_factory=dict)  # digest → (media type, bytes)
    blobs: dict = field(default_factory=dict)  # digest → bytes

    @property
    def digest(self):
        return self.root["digest"]

    @property
    def bytes(self):
        return self.manifests[self.digest][1]

    @property
    def document(self):
        return json.loads(self.bytes)

    def add_blob(self, media_type, data, **extra):
        descriptor = {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **extra}
        self.blobs[descriptor["digest"]] = data
        return descriptor

    def add_manifest(self, media_type, document, **extra):
        """`document` is a dictionary or the exact bytes."""
        data = document if isinstance(document, bytes) else to_json(document)
        digest = digest_of(data)
        self.manifests[digest] = (media_type, data)
        self.root = {"mediaType": media_type, "digest": digest, "size": len(data), **extra}
        return self.root

    def absorb(self, other):
        self.manifests.update(other.manifests)
        self.blobs.update(other.blobs)

    def ordered_manifests(self):
        """Children before parents, so that a registry takes them in this order."""
        order = []

        def visit(digest):
            if digest in order or digest not in self.manifests:
                return
            for child in json.loads(self.manifests[digest][1]).get("manifests") or []:
                visit(child["digest"])
            order.append(digest)

        visit(self.digest)
        for digest in self.manifests:
            visit(digest)
        return order


def tar_of(files):
    """A tar of name → bytes, with nothing in it that depends on the machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def gzip(data, level=6):
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + body + struct.pack("<II", zlib.crc32(data), len(data) % 2**32)


def zstd(data):
    return run_tool("zstd", "-q", "-c", stdin=data).stdout


def single(seed=1, layers=3, layer_size=4096, docker=False, platform="linux/amd64", compress="gzip", annotations=None,
           created=None, base=None):
    """An ordinary image; layers hold random bytes, so that they don't shrink. `created` is an RFC 3339 date. `base`: an image whose
    layers come below."""
    image = Image({})
    contents = [tar_of({f"data-{seed}-{number}": random_bytes(f"{seed}/{number}", layer_size)}) for number in range(layers)]
    layer_type = DOCKER_LAYER if docker else OCI_LAYER_ZSTD if compress == "zstd" else OCI_LAYER
    pack = zstd if compress == "zstd" else lambda data: gzip(data, level=1)
    descriptors = [image.add_blob(layer_type, pack(data)) for data in contents]
    diff_ids = [digest_of(data) for data in contents]
    if base:
        image.blobs.update(base.blobs)
        descriptors = base.document["layers"] + descriptors
        diff_ids = json.loads(base.blobs[base.document["config"]["digest"]])["rootfs"]["diff_ids"] + diff_ids
        del image.blobs[base.document["config"]["digest"]]
    config = {
        **platform_of(platform),
        **({"created": created} if created else {}),
        "config": {"Env": ["PATH=/bin"], "Labels": {"seed": str(seed)}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": image.add_blob(DOCKER_CONFIG if docker else OCI_CONFIG, to_json(config)),
        "layers": descriptors,
        **({"annotations": annotations} if annotations else {}),
    }
    image.add_manifest(document["mediaType"], document)
    return image


def index_of(children, docker=False, platforms=None, **extra):
    """An index over images; `platforms` gives each child's platform."""
    image = Image({})
    descriptors = []
    for number, child in enumerate(children):
        image.absorb(child)
        descriptor = {key: child.root[key] for key in ("mediaType", "digest", "size")}
        if platforms:
            descriptor["platform"] = platform_of(platforms[number])
        descriptors.append(descriptor)
    media_type = DOCKER_LIST if docker else OCI_INDEX
    image.add_manifest(media_type, {"schemaVersion": 2, "mediaType": media_type, "manifests": descriptors, **extra})
    return image


def multi_arch(seed=1, platforms=PLATFORMS, docker=False, layer_size=4096, layers=2):
    children = [
        single(f"{seed}-{platform}", layers, layer_size, docker=docker, platform=platform) for platform in platforms
    ]
    return index_of(children, docker=docker, platforms=platforms)


def nested(depth, seed=1):
    """An index in an index …, `depth` of them above one image."""
    image = single(seed, layers=1, layer_size=512)
    for level in range(depth):
        image = index_of([image], annotations={"level": str(level)})
    return image


def artifact(seed=1, data=b"any bytes at all", artifact_type="application/vnd.example.thing.v1"):
    """An OCI 1.1 artifact: an empty config and a blob of a type nobody knows."""
    image = Image({})
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": image.add_blob(OCI_EMPTY, b"{}"),
        "layers": [image.add_blob("application/vnd.example.data", data + str(seed).encode())],
    }
    image.add_manifest(OCI_MANIFEST, document)
    return image


def unknown_type(seed=1):
    """A manifest of a media type that is in no specification; clients may only pass its bytes on."""
    media_type = "application/vnd.example.manifest.v7+json"
    image = Image({})
    image.add_manifest(media_type, {"mediaType": media_type, "payload": str(seed)})
    return image


def with_empty_blob(seed=1):
    image = Image({})
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.empty",
        "config": image.add_blob(OCI_EMPTY, b"{}"),
        "layers": [image.add_blob("text/plain", b""), image.add_blob("text/plain", f"not empty {seed}".encode())],
    }
    image.add_manifest(OCI_MANIFEST, document)
    return image


def with_foreign_layer(seed=1, url="http://127.0.0.1:1/layer"):
    """A Docker image whose first layer lives elsewhere: its bytes are in no registry."""
    image = single(seed, layers=1, docker=True)
    document = image.document
    absent = random_bytes(f"foreign {seed}", 512)
    foreign = {"mediaType": DOCKER_FOREIGN, "digest": digest_of(absent), "size": len(absent), "urls": [url]}
    document["layers"].insert(0, foreign)
    image.manifests.clear()
    image.add_manifest(DOCKER_MANIFEST, document)
    return image


def with_duplicate_layers(seed=1, times=4):
    image = single(seed, layers=1)
    document = image.document
    document["layers"] = document["layers"] * times
    image.manifests.clear()
    image.add_manifest(OCI_MANIFEST, document)
    return image


def with_odd_bytes(seed=1):
    """A manifest whose JSON no serialiser would write again in the same way."""
    image = single(seed, layers=1)
    text = json.dumps(image.document, indent=3).replace("/", "\\/") + "\n\n"
    image.manifests.clear()
    image.add_manifest(OCI_MANIFEST, text.encode())
    return image


def referrer(subject, seed=1, artifact_type="application/vnd.example.signature"):
    """An artifact that refers to `subject` (an Image)."""
    image = artifact(f"referrer {seed}", artifact_type=artifact_type)
    document = image.document
    document["subject"] = {key: subject.root[key] for key in ("mediaType", "digest", "size")}
    document["annotations"] = {"seed": str(seed)}
    image.manifests.clear()
    image.add_manifest(OCI_MANIFEST, document)
    return image


def schema1():
    image = Image({})
    document = {"schemaVersion": 1, "name": "old/image", "tag": "latest", "architecture": "amd64", "fsLayers": [],
                "history": [], "signatures": []}
    image.add_manifest(DOCKER_SCHEMA1, json.dumps(document, indent=3).encode())
    return image


def root_file_system(layers=3):
    """A real root file system from busybox's static build: its links in one layer, files of /etc in the next, and so on."""
    binary = pathlib.Path("/bin/busybox").read_bytes()
    applets = run_tool("/bin/busybox", "--list").stdout.decode().split()

    def directory(archive, name):
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)

    def file(archive, name, data, mode=0o644):
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), mode
        archive.addfile(member, io.BytesIO(data))

    def binaries(archive):
        for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr"):
            directory(archive, name)
        file(archive, "bin/busybox", binary, 0o755)
        for applet in sorted(set(applets) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, "busybox", 0o777
            archive.addfile(link)

    def settings(archive):
        file(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        file(archive, "etc/group", b"root:x:0:\n")
        file(archive, "etc/hostname", b"container\n")

    def extra(archive):
        file(archive, "etc/motd", b"Freight.\n")
        file(archive, "usr/.wh..wh..opq", b"")

    image = Image({})
    tars, descriptors = [], []
    for fill in (binaries, settings, extra)[:layers]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
            fill(archive)
        tars.append(buffer.getvalue())
        descriptors.append(image.add_blob(OCI_LAYER, gzip(tars[-1])))
    config = {
        **platform_of("linux/amd64"),
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
    }
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": image.add_blob(OCI_CONFIG, to_json(config)),
                "layers": descriptors}
    image.add_manifest(OCI_MANIFEST, document)
    return image


def write_layout(image, directory, tag="latest"):
    """Writes `image` as an OCI layout, adding to one that is there."""
    directory = pathlib.Path(directory)
    contents = {**image.blobs, **{digest: data for digest, (_, data) in image.manifests.items()}}
    for digest, data in contents.items():
        algorithm, _, value = digest.partition(":")
        target = directory / "blobs" / algorithm / value
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (directory / "oci-layout").write_bytes(to_json({"imageLayoutVersion": "1.0.0"}))
    path = directory / "index.json"
    index = json.loads(path.read_bytes()) if path.exists() else {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    root = {key: image.root[key] for key in ("mediaType", "digest", "size")}
    if tag:
        root["annotations"] = {REF_NAME: tag}
    index["manifests"] = [
        entry for entry in index["manifests"] if (entry.get("annotations") or {}).get(REF_NAME) != tag
    ] + [root]
    path.write_bytes(to_json(index))
    return directory


def write_archive(image, path, tag="latest", scratch=None):
    """Writes `image` as an oci-archive, a tar of a layout, adding to one that is there."""
    path = pathlib.Path(path)
    directory = pathlib.Path(scratch or path.parent) / f".{path.name}.layout"
    if path.exists():
        with tarfile.open(path) as archive:
            archive.extractall(directory)
    write_layout(image, directory, tag)
    with tarfile.open(path, "w") as archive:
        for name in ("oci-layout", "index.json", "blobs"):
            archive.add(directory / name, arcname=name)
    shutil.rmtree(directory)
    return path
