"""What --recompress must make of an image."""

import gzip
import json

from . import client, images, oracle, process
from .case import Case

LAYER = "application/vnd.oci.image.layer.v1.tar"
SOURCE = "org.freightliner.source.digest"
SETTINGS = "org.freightliner.recompress"


def unpack(layer, data):
    if layer["mediaType"].endswith("gzip"):
        return gzip.decompress(data)
    if layer["mediaType"].endswith("zstd"):
        return process.run_tool("zstd", "-q", "-d", "-c", stdin=data).stdout
    return data


class RecompressCase(Case):
    def fetchers(self, registry, repository):
        talk = client.RegistryClient(registry.url)
        return (lambda reference: talk.manifest(repository, reference)), (lambda digest: talk.blob(repository, digest))

    def assert_recompressed(self, registry, repository, tag, image, compression="zstd", settings="zstd:3"):
        """Everything is there and hashes right; every image unpacks to its diff_ids, and its config is the source's."""
        closure = oracle.verify_registry(client.RegistryClient(registry.url), repository, tag)
        manifest, blob = self.fetchers(registry, repository)
        media_type, data = manifest(tag)
        self.judge(media_type, json.loads(data), image, image.digest, manifest, blob, compression, settings)
        return closure

    def judge(self, media_type, document, image, digest, manifest, blob, compression, settings):
        original_type, original = image.manifests[digest]
        original = json.loads(original)
        self.assertEqual(document.get("annotations", {}).get(SOURCE), digest)
        self.assertEqual(document["annotations"][SETTINGS], settings)
        self.assertNotIn("docker", media_type)
        self.assertEqual(document.get("mediaType", media_type), media_type)
        if "manifests" in original:
            for child, old in zip(document["manifests"], original["manifests"], strict=True):
                self.assertEqual(child.get("platform"), old.get("platform"))
                child_type, data = manifest(child["digest"])
                self.assertEqual(child_type, child["mediaType"])
                self.judge(child_type, json.loads(data), image, old["digest"], manifest, blob, compression, settings)
            return
        self.assertEqual(document["config"]["digest"], original["config"]["digest"])
        self.assertEqual(document["config"]["mediaType"], images.OCI_CONFIG)
        diff_ids = json.loads(blob(document["config"]["digest"]))["rootfs"]["diff_ids"]
        for layer, old, diff_id in zip(document["layers"], original["layers"], diff_ids, strict=True):
            self.assertEqual(layer["mediaType"], f"{LAYER}+{compression}")
            self.assertEqual(images.digest_of(unpack(layer, blob(layer["digest"]))), diff_id)
            if old["mediaType"].endswith(compression):
                self.assertEqual(layer["digest"], old["digest"])

    def writes(self, registry):
        return [(request.method, request.path) for request in registry.requests(writes=True)]
