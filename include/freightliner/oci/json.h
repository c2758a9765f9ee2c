#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner::oci {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t max_bytes = std::size_t{4} * 1024 * 1024;
  int max_depth = 64;
  /// Values of any kind, keys not counted: a tree takes up to 30 times the memory of its text ("{},{},").
  std::size_t max_values = 500'000;
  /// Members of one object: where they keep their order (rewrite_manifest()), each is found by looking at all.
  std::size_t max_members = 10'000;
};

/// A long array that is taken element by element, so that the tree of one is in memory at a time. Elements that were
/// taken count towards the limits.
struct JsonElements {
  std::string member;                          ///< of the document's object; what is no array stays in the tree
  std::function<Status(Json&& element)> take;  ///< an error ends the parsing, and is parse_json's
};

/// Parses one JSON document strictly (RFC 8259): valid UTF-8, no byte-order mark, nothing after the document, no
/// duplicate keys in an object (CVE-2021-41190), bounded size, depth and number of values and members, all checked
/// before memory is spent on what lies beyond. A body that is HTML gets a message of its own: it is a proxy's or a
/// login page. `what` names the document in the error. Errors: kProtocol. Never throws; safe from any thread.
Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits = {});
/// The same; the array of `elements` is empty in the document that is returned.
Result<Json> parse_json(std::string_view text, std::string_view what, const JsonLimits& limits,
                        const JsonElements& elements);

}  // namespace freightliner::oci
