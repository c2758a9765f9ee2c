#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "freightliner/oci/platform.h"
#include "freightliner/oci/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(freightliner::oci::Platform::parse(text));
  const auto reference = freightliner::oci::Reference::parse(text);
  if (!reference) return 0;
  // The normal form is a fixed point.
  const auto again = freightliner::oci::Reference::parse(reference->to_string());
  if (!again || again->to_string() != reference->to_string()) std::abort();
  return 0;
}
