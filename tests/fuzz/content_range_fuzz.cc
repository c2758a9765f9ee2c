#include "registry/content_range.h"

#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto first = registry::content_range_start(text);
  if (!first) return 0;
  const std::string lower = to_lower(text);
  const auto number = lower.find(std::to_string(*first) + '-');
  fuzz::require(lower.find("bytes ") < number && number != std::string::npos, "the offset stands behind the unit");
  return 0;
}
