#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace freightliner::replicate {

/// Members in the order in which they were put in: the files are for people as well.
using OrderedJson = nlohmann::ordered_json;

/// One line of pure ASCII; invalid UTF-8 becomes U+FFFD.
inline std::string json_text(const OrderedJson& value) {
  return value.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
}

}  // namespace freightliner::replicate
