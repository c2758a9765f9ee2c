#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace freightliner::cli {

/// Members in the order in which they were put in: output is for people as well.
using Json = nlohmann::ordered_json;

/// One line of pure ASCII: nothing in it can act on a terminal, and invalid UTF-8 becomes U+FFFD.
inline std::string json_text(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace freightliner::cli
