#include "freightliner/copy/recompress_mark.h"

#include "freightliner/oci/manifest_rewrite.h"

namespace freightliner::copy {

std::optional<RecompressMark> mark_of(const oci::RawManifest& manifest) {
  const auto source = oci::annotation_of(manifest, kSourceDigestAnnotation);
  auto settings = oci::annotation_of(manifest, kRecompressAnnotation);
  if (!source || !settings) return std::nullopt;
  const auto digest = oci::Digest::parse(*source);
  if (!digest) return std::nullopt;
  return RecompressMark{*digest, *std::move(settings)};
}

}  // namespace freightliner::copy
