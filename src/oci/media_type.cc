#include "freightliner/oci/media_type.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/base/text.h"

namespace freightliner::oci {
namespace {

// RFC 6838, section 4.2: restricted-name.
bool is_restricted_name(std::string_view name) noexcept {
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) {
    return is_alnum(c) || std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= 127 && is_alnum(name.front()) && std::ranges::all_of(name, allowed);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

struct LayerType {
  std::string_view name;
  Compression compression;
};
// The first of a compression is OCI's. containerd and others write the Docker type for zstd, which Docker never had.
constexpr LayerType kLayerTypes[] = {
    {"application/vnd.oci.image.layer.v1.tar", Compression::kNone},
    {"application/vnd.oci.image.layer.v1.tar+gzip", Compression::kGzip},
    {"application/vnd.oci.image.layer.v1.tar+zstd", Compression::kZstd},
    {"application/vnd.docker.image.rootfs.diff.tar", Compression::kNone},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::kGzip},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::kZstd},
};

struct TypePair {
  std::string_view docker;
  std::string_view oci;
};
constexpr TypePair kPairs[] = {
    {kDockerManifest, kOciManifest},
    {kDockerManifestList, kOciIndex},
    {kDockerConfig, kOciConfig},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar"},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
     "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
};

}  // namespace

const std::string kManifestAccept =
    fmt::format("{}, {}, {}, {}, {}, {}, {}", kOciIndex, kOciManifest, kDockerManifestList, kDockerManifest,
                kOciArtifactManifest, kDockerSchema1Signed, kDockerSchema1);

std::string bare_media_type(std::string_view content_type) {
  return to_lower(trim(content_type.substr(0, content_type.find(';'))));
}

bool is_valid_media_type(std::string_view bare_type) noexcept {
  const auto slash = bare_type.find('/');
  return slash != std::string_view::npos && is_restricted_name(bare_type.substr(0, slash)) &&
         is_restricted_name(bare_type.substr(slash + 1));
}

bool is_index_type(std::string_view media_type) noexcept {
  return equals_ignoring_case(media_type, kOciIndex) || equals_ignoring_case(media_type, kDockerManifestList);
}

bool is_manifest_type(std::string_view media_type) noexcept {
  return equals_ignoring_case(media_type, kOciManifest) || equals_ignoring_case(media_type, kDockerManifest);
}

bool is_schema1_type(std::string_view media_type) noexcept {
  return equals_ignoring_case(media_type, kDockerSchema1) || equals_ignoring_case(media_type, kDockerSchema1Signed);
}

bool is_foreign_layer_type(std::string_view media_type) noexcept {
  // Both exist plain and with the suffix of a compression.
  return starts_with_ignoring_case(media_type, "application/vnd.docker.image.rootfs.foreign.diff.tar") ||
         starts_with_ignoring_case(media_type, "application/vnd.oci.image.layer.nondistributable.v1.tar");
}

bool is_image_config_type(std::string_view media_type) noexcept {
  return equals_ignoring_case(media_type, kOciConfig) || equals_ignoring_case(media_type, kDockerConfig);
}

std::optional<Compression> layer_compression(std::string_view media_type) noexcept {
  for (const LayerType& type : kLayerTypes) {
    if (equals_ignoring_case(media_type, type.name)) return type.compression;
  }
  return std::nullopt;
}

std::string_view oci_layer_type(Compression compression) noexcept {
  const auto* const type = std::ranges::find(kLayerTypes, compression, &LayerType::compression);
  return type->name;
}

std::string oci_type_of(std::string_view media_type) {
  if (const auto compression = layer_compression(media_type)) return std::string(oci_layer_type(*compression));
  for (const TypePair& pair : kPairs) {
    if (equals_ignoring_case(media_type, pair.docker)) return std::string(pair.oci);
  }
  return std::string(media_type);
}

}  // namespace freightliner::oci
