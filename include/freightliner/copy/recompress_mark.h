#pragma once

#include <optional>
#include <string>

#include "freightliner/oci/manifest.h"

namespace freightliner::copy {

/// What a recompressed manifest says of its origin, in its annotations: so a later run finds that nothing is to be
/// done.
struct RecompressMark {
  oci::Digest source;    ///< of the manifest that it was made from
  std::string settings;  ///< io::CompressionSettings::to_string()
};

inline constexpr std::string_view kSourceDigestAnnotation = "org.freightliner.source.digest";
inline constexpr std::string_view kRecompressAnnotation = "org.freightliner.recompress";

/// nullopt for a manifest that is not marked.
std::optional<RecompressMark> mark_of(const oci::RawManifest& manifest);

}  // namespace freightliner::copy
