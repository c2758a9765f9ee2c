// The input is a manifest; where it begins with a line that does not begin with "{", that line is its Content-Type.

#include <nlohmann/json.hpp>
#include <tuple>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/manifest.h"
#include "freightliner/oci/manifest_rewrite.h"
#include "freightliner/oci/media_type.h"
#include "fuzz_target.h"

using namespace freightliner;

namespace {

void check_descriptors(const std::vector<oci::Descriptor>& descriptors) {
  for (const oci::Descriptor& descriptor : descriptors) {
    fuzz::require(descriptor.size < (1ULL << 63U), "a size is one that a file may have");
    const auto again = oci::Descriptor::from_json(descriptor.to_json(), "x");
    fuzz::require(again && again->serialize() == descriptor.serialize(), "a descriptor is read as it is written");
  }
}

void check_rewritten(const oci::RawManifest& raw, const std::vector<oci::Descriptor>& blobs) {
  oci::ManifestChanges changes;
  changes.annotations["example.fuzz"] = "1";
  if (!blobs.empty()) {
    oci::Descriptor other{.media_type = std::string(oci::oci_layer_type(oci::Compression::kZstd)),
                          .digest = io::digest_of("other"),
                          .size = 5};
    changes.replaced.emplace(blobs.back().digest, std::move(other));
  }
  const auto rewritten = oci::rewrite_manifest(raw, changes);
  if (!rewritten) return;
  const auto again = oci::rewrite_manifest(raw, changes);
  fuzz::require(again && again->bytes == rewritten->bytes, "equal input gives equal bytes");
  const oci::RawManifest made(rewritten->bytes, rewritten->media_type, io::digest_of(rewritten->bytes));
  fuzz::require(oci::annotation_of(made, "example.fuzz") == "1", "the annotation is there");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::string_view content_type;
  if (!text.starts_with('{') && text.find('\n') != std::string_view::npos) {
    std::tie(content_type, text) = fuzz::split_once(text, '\n');
  }
  const auto type = oci::detect_media_type(content_type, text);
  static_cast<void>(oci::diff_ids_of(text));
  if (!type) {
    fuzz::require(fuzz::is_harmless(type.error().describe()), "an error shows no control characters");
    return 0;
  }
  fuzz::require(oci::is_valid_media_type(*type), "a type is safe in a header");
  const oci::RawManifest raw(std::string(text), *type, io::digest_of(text));
  const auto content = oci::parse_manifest(raw);
  if (!content) {
    fuzz::require(fuzz::is_harmless(content.error().describe()), "an error shows no control characters");
    return 0;
  }
  const auto blobs = oci::blobs_of(*content);
  const auto children = oci::children_of(*content);
  check_descriptors(blobs);
  check_descriptors(children);
  // What was parsed can be listed in an index, and that index parses again.
  const std::string index = oci::serialize_index(oci::kOciIndex, children);
  const auto made = oci::parse_manifest({index, std::string(oci::kOciIndex), io::digest_of(index)});
  fuzz::require(made && oci::children_of(*made).size() == children.size(), "an index of the children has them all");
  check_rewritten(raw, blobs);
  return 0;
}
