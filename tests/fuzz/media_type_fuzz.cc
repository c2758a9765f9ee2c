#include "fuzz_target.h"

#include "freightliner/oci/media_type.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bare = oci::bare_media_type(fuzz::text_of(data, size));
  fuzz::require(oci::bare_media_type(bare) == bare, "a bare type stays as it is");
  fuzz::require(bare.find(';') == std::string::npos, "a bare type has no parameters");
  const std::string converted = oci::oci_type_of(bare);
  fuzz::require(oci::oci_type_of(converted) == converted, "OCI's name for a type is its own");
  fuzz::require(!(oci::is_index_type(bare) && oci::is_manifest_type(bare)), "a type is of one kind");
  if (!oci::is_valid_media_type(bare)) {
    fuzz::require(!oci::is_index_type(bare) && !oci::is_manifest_type(bare), "known types are valid ones");
    return 0;
  }
  for (const char c : bare) {
    fuzz::require(c > ' ' && c < 0x7F && c != ',' && c != '"', "a valid type is safe in a header");
  }
  fuzz::require(bare.find('/') == bare.rfind('/'), "a valid type has one slash");
  return 0;
}
