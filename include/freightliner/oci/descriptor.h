#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/oci/digest.h"
#include "freightliner/oci/platform.h"

namespace freightliner::oci {

/// What points at content: OCI image-spec v1.1, descriptor.md. A value type.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform = {};
  std::map<std::string, std::string> annotations = {};
  std::vector<std::string> urls = {};
  std::string artifact_type = {};

  /// True for a layer whose bytes may live elsewhere (`urls`, or a foreign media type): kept as a reference.
  bool is_foreign() const noexcept;

  /// Reads one descriptor object; unknown members are ignored, known ones must have the right type; size is an integer
  /// in [0, 2^63). `where` names the place in errors ("layers[3]"). Errors: kProtocol.
  static Result<Descriptor> from_json(const nlohmann::json& json, std::string_view where);
  nlohmann::json to_json() const;
  /// Compact JSON with the members in a fixed order, as in serialize_index(): equal descriptors give equal bytes.
  std::string serialize() const;
};

/// The annotation that names a tag in an OCI layout's index.json (image-spec v1.1, annotations.md).
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";

}  // namespace freightliner::oci
