#include "fuzz_target.h"

#include "freightliner/auth/challenge.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto challenges = auth::parse_challenges({text, text});
  fuzz::require(challenges.size() <= 32, "there are at most 32 challenges");
  std::size_t bytes = 0;
  for (const auto& challenge : challenges) {
    fuzz::require(!challenge.scheme.empty() && to_lower(challenge.scheme) == challenge.scheme,
                  "schemes are lower case");
    fuzz::require(challenge.parameters.size() <= 65, "there are at most 64 parameters and a token68");
    bytes += challenge.scheme.size();
    for (const auto& [name, value] : challenge.parameters) {
      fuzz::require(!name.empty() && to_lower(name) == name, "names of parameters are lower case");
      if (name != "token68") bytes += name.size() + value.size();
    }
  }
  fuzz::require(bytes <= 2 * size, "nothing is made up");
  // What a header says does not depend on the one before it.
  const auto alone = auth::parse_challenges({text});
  for (std::size_t i = 0; i < alone.size(); ++i) {
    fuzz::require(alone[i].scheme == challenges[i].scheme && alone[i].parameters == challenges[i].parameters,
                  "a second header changes nothing in the first");
  }
  return 0;
}
