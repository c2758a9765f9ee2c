#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freightliner::auth {

/// One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1): scheme and parameter names in lower case.
struct Challenge {
  std::string scheme;
  std::map<std::string, std::string> parameters;
};

/// Reads all challenges out of all WWW-Authenticate values. Lenient where servers are sloppy, never past its input:
/// unknown schemes are kept, malformed rests are dropped. At most 32 challenges and 64 parameters.
std::vector<Challenge> parse_challenges(const std::vector<std::string>& header_values);

}  // namespace freightliner::auth
