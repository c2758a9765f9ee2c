#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace freightliner::oci {

// OCI image-spec v1.1 media-types.md, and Docker's "Image Manifest Version 2, Schema 2".
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciEmpty = "application/vnd.oci.empty.v1+json";
/// Withdrawn before image-spec v1.1, still in registries; copied verbatim as a manifest of an unknown type.
inline constexpr std::string_view kOciArtifactManifest = "application/vnd.oci.artifact.manifest.v1+json";
inline constexpr std::string_view kDockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view kDockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";

inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";

/// How the tar of a layer is packed.
enum class Compression : std::uint8_t { kNone, kGzip, kZstd };

/// The Accept header of every manifest request: all types that we copy, and the schema 1 types, so that a registry does
/// not convert in silence and the user hears why schema 1 is refused.
extern const std::string kManifestAccept;

/// The type without parameters, trimmed and in lower case: `Application/JSON; charset=utf-8` → `application/json`.
std::string bare_media_type(std::string_view content_type);

/// True for `type/subtype` in the characters of RFC 6838, section 4.2: without parameters, safe in a header.
bool is_valid_media_type(std::string_view bare_type) noexcept;
bool is_index_type(std::string_view media_type) noexcept;
bool is_manifest_type(std::string_view media_type) noexcept;
bool is_schema1_type(std::string_view media_type) noexcept;
/// Layers that a registry need not hold: Docker's foreign and OCI's nondistributable types.
bool is_foreign_layer_type(std::string_view media_type) noexcept;

/// True for the config of an image that runs, with diff_ids in it; other manifests of that form are artifacts.
bool is_image_config_type(std::string_view media_type) noexcept;
/// The compression that the type of an image's layer names; nullopt for foreign layers and for anything else.
std::optional<Compression> layer_compression(std::string_view media_type) noexcept;
/// OCI's type of a layer in that compression. Docker's media types have none for zstd.
std::string_view oci_layer_type(Compression compression) noexcept;
/// OCI's name for a type of Docker's (manifest, list, config, layer, foreign layer); any other type as it is.
std::string oci_type_of(std::string_view media_type);

}  // namespace freightliner::oci
