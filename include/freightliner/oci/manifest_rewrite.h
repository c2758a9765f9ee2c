#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/oci/manifest.h"

namespace freightliner::oci {

/// What a manifest gets that is written anew.
struct ManifestChanges {
  /// By the digest that stands there now: media type, digest and size of the layer or child that takes its place.
  std::map<Digest, Descriptor> replaced = {};
  /// Put among the manifest's own; ours count where both have a key.
  std::map<std::string, std::string> annotations = {};
};

struct RewrittenManifest {
  std::string bytes;
  std::string media_type;
};

/// An image manifest or index with the changes, in OCI's media types throughout: Docker's have no place for
/// annotations, nor a type for zstd. Members keep their order, and those that nobody here knows are kept; equal input
/// gives equal bytes. What belongs to the old bytes of a replaced descriptor goes: its embedded data, and the
/// annotations of eStargz and zstd:chunked. BuildKit's references from one child of an index to another follow.
/// `manifest` has been parsed (parse_manifest()). Errors: kProtocol.
Result<RewrittenManifest> rewrite_manifest(const RawManifest& manifest, const ManifestChanges& changes);

/// One of the manifest's annotations; nullopt where there is none, or nothing that is a manifest.
std::optional<std::string> annotation_of(const RawManifest& manifest, std::string_view key);

/// The digests of an image's unpacked layers: `rootfs.diff_ids` of its config (image-spec v1.1, config.md). Errors:
/// kProtocol.
Result<std::vector<Digest>> diff_ids_of(std::string_view config);

}  // namespace freightliner::oci
