#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "freightliner/auth/challenge.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto challenges = freightliner::auth::parse_challenges({text, text});
  if (challenges.size() > 32) std::abort();
  return 0;
}
