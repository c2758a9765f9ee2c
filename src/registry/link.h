#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freightliner::registry {

/// The target of the first `rel="next"` link in Link header values (RFC 8288, section 3); nullopt where there is none.
std::optional<std::string> next_link(const std::vector<std::string>& header_values);

}  // namespace freightliner::registry
