#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "freightliner/io/hasher.h"
#include "freightliner/oci/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto type = freightliner::oci::detect_media_type("", text);
  if (!type) return 0;
  const freightliner::oci::RawManifest raw(text, *type, freightliner::io::digest_of(text));
  const auto content = freightliner::oci::parse_manifest(raw);
  if (!content) return 0;
  // What was parsed can be listed in an index, and that index parses again.
  const auto children = freightliner::oci::children_of(*content);
  const auto blobs = freightliner::oci::blobs_of(*content);
  const std::string index = freightliner::oci::serialize_index("application/vnd.oci.image.index.v1+json", children);
  const freightliner::oci::RawManifest made(index, "application/vnd.oci.image.index.v1+json",
                                            freightliner::io::digest_of(index));
  if (!freightliner::oci::parse_manifest(made)) std::abort();
  return 0;
}
