#include "fuzz_target.h"

#include "freightliner/oci/digest.h"

using namespace freightliner;

namespace {

/// The grammar, written once more in another way (OCI image-spec v1.1, descriptor.md, "Digests").
bool is_digest(std::string_view text) {
  std::size_t digits = 0;
  if (text.starts_with("sha256:")) digits = 64;
  if (text.starts_with("sha512:")) digits = 128;
  if (digits == 0 || text.size() != 7 + digits) return false;
  for (const char c : text.substr(7)) {
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto digest = oci::Digest::parse(text);
  fuzz::require(digest.has_value() == is_digest(text), "the grammar and nothing else is accepted");
  if (!digest) {
    fuzz::require(fuzz::is_harmless(digest.error().describe()), "an error shows no control characters");
    return 0;
  }
  fuzz::require(digest->to_string() == text, "a digest is written as it was read");
  fuzz::require(text.ends_with(digest->hex()) && digest->hex().starts_with(digest->short_hex()), "the hex digits stay");
  return 0;
}
