#include "fuzz_target.h"

#include "freightliner/oci/platform.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto platform = oci::Platform::parse(text);
  if (!platform) {
    fuzz::require(fuzz::is_harmless(platform.error().describe()), "an error shows no control characters");
    return 0;
  }
  const auto again = oci::Platform::parse(platform->to_string());
  fuzz::require(again && *again == *platform, "the normal form is read as itself");
  fuzz::require(platform->normalized() == *platform, "normalising twice changes nothing");
  fuzz::require(platform->satisfies(*platform), "a platform is what it asks for");
  return 0;
}
