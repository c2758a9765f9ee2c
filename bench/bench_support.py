"""What the benchmark scripts share: their options, the figures they give, large images made without much memory, and the cost of a
command."""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from support import process  # noqa: E402: found by the line above

MEMORY_DISK = "/dev/shm"  # on a disk, fsync decides


def arguments(description):
    """A parser with the options that all scripts have, for parse()."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build" / "release" / "src" / "cli" / "freightliner"))
    parser.add_argument("--figures", metavar="FILE", help="also write the figures to this file, as JSON")
    return parser


def parse(parser):
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"{own_name()}: {options.binary} is not there: build it (tools/quickstart) or name it with --binary")
    return options


def own_name():
    return f"bench/{pathlib.Path(sys.argv[0]).name}"


class Figures:
    """The figures of one benchmark, printed as they come; the form and the units are those of figures.h."""

    def __init__(self, file):
        self._file, self._rows, self._missed = file, [], []

    def at_most(self, name, value, unit, bound):
        self._add(name, value, unit, "lower", bound, value <= bound)

    def at_least(self, name, value, unit, bound):
        self._add(name, value, unit, "higher", bound, value >= bound)

    def note(self, name, value, unit, better="lower"):
        """Without a bound. `better` None: says something about the machine, not about freightliner."""
        self._add(name, value, unit, better, None, True)

    def _add(self, name, value, unit, better, bound, holds):
        limit = "" if bound is None else f"{'≤' if better == 'lower' else '≥'} {bound:g}"
        print(f"{name:<72}{value:>11.3f} {unit:<6}{limit:>8}{'' if holds else '  MISSED'}", flush=True)
        self._rows.append({"name": name, "value": value, "unit": unit, "better": better, "bound": bound})
        if not holds:
            self._missed.append(name)

    def finish(self, check=True):
        """Writes the file where one is asked for; ends the script with 1 where a bound was missed and `check` is set."""
        if self._file:
            document = {"benchmark": pathlib.Path(sys.argv[0]).name, "figures": self._rows}
            pathlib.Path(self._file).write_text(json.dumps(document, indent=2) + "\n")
        if check and self._missed:
            sys.exit(f"{own_name()}: over the bound: {'; '.join(self._missed)}")


def put_blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    (layout / "blobs" / "sha256" / digest).write_bytes(data)
    return f"sha256:{digest}", len(data)


def write_image(layout, layers):
    """Config, manifest and index of an image of those layers."""
    config, config_size = put_blob(layout, json.dumps(
        {"os": "linux", "architecture": "amd64",
         "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}).encode())
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest, manifest_size = put_blob(layout, json.dumps(
        {"schemaVersion": 2, "mediaType": media_type, "layers": layers,
         "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size}}).encode())
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": media_type, "digest": manifest, "size": manifest_size,
         "annotations": {"org.opencontainers.image.ref.name": "1"}}]}))


def big_layout(layout, layers, size):
    """An image of random layers, made piece by piece so that it needs no memory."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    described = []
    for _ in range(layers):
        digest = hashlib.sha256()
        with open(layout / "layer", "wb") as file:
            for start in range(0, size, 1 << 20):
                piece = os.urandom(min(1 << 20, size - start))
                digest.update(piece)
                file.write(piece)
        name = digest.hexdigest()
        (layout / "layer").rename(layout / "blobs" / "sha256" / name)
        described.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{name}", "size": size})
    write_image(layout, described)


def debian_root_layout(layout):
    """An image of this machine's own Debian: the files of all packages of priority "required", as one gzip layer."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    listing = subprocess.run(["dpkg-query", "-W", "-f", "${binary:Package} ${Priority}\\n"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
    packages = [line.split()[0] for line in listing if line.endswith(" required")]
    names = subprocess.run(["dpkg", "-L", *packages], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    names = sorted({name for name in names if name.startswith("/") and os.path.lexists(name)})
    layer = layout / "layer"
    subprocess.run(["tar", "--create", "--gzip", "--file", layer, "--no-recursion", "--absolute-names", "--null",
                    "--files-from=-"], input="\0".join(names).encode(), check=True, stderr=subprocess.DEVNULL)
    data = layer.read_bytes()
    layer.unlink()
    digest, size = put_blob(layout, data)
    write_image(layout, [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": size}])


def measure(command, **options):
    """Seconds of wall time and CPU, and peak MiB, from GNU time, whose own size does not count. Without SSL_CERT_FILE, which makes
    every program that honours it read a whole bundle of certificates. `options` are those of subprocess.run."""
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    with tempfile.NamedTemporaryFile("r") as report:
        start = time.monotonic()
        subprocess.run(["/usr/bin/time", "-q", "-f", "%U %S %M", "-o", report.name, *command], check=True,
                       stdout=subprocess.DEVNULL, env=environment, **options)
        wall = time.monotonic() - start
        user, system, peak = report.read().split()[-3:]
    return wall, float(user) + float(system), int(peak) / 1024


class Helper:
    """A server that is one of this directory's scripts: it prints its port, runs until its standard input ends, and then prints
    what it has counted."""

    def __init__(self, script, *arguments):
        self._process = process.spawn([sys.executable, ROOT / "bench" / script, *arguments], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.host = f"127.0.0.1:{int(self._process.stdout.readline())}"
        self.counts = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """What it has counted. May be called again."""
        if self._process.poll() is None:
            self.counts = json.loads(self._process.communicate()[0] or "{}")
        return self.counts
