#include "freightliner/oci/json.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "fuzz_target.h"

using namespace freightliner;

namespace {

constexpr oci::JsonLimits kLimits{.max_bytes = 1024 * 1024, .max_depth = 8, .max_values = 1'000};

struct Measure {
  int depth = 0;
  std::size_t values = 0;
};

void measure(const oci::Json& json, int depth, Measure& result) {
  ++result.values;
  if (!json.is_structured()) return;
  result.depth = std::max(result.depth, depth);
  for (const auto& child : json) measure(child, depth + 1, result);
}

/// The elements of "list", as they are taken one by one.
void check_elements(std::string_view text, const oci::Json& whole) {
  std::vector<oci::Json> taken;
  const oci::JsonElements elements{"list", [&](oci::Json&& element) -> Status {
                                     taken.push_back(std::move(element));
                                     return {};
                                   }};
  const auto rest = oci::parse_json(text, "x", kLimits, elements);
  fuzz::require(rest.has_value(), "elements that are taken count as others do");
  const auto list = whole.is_object() ? whole.find("list") : whole.end();
  const bool is_list = whole.is_object() && list != whole.end() && list->is_array();
  oci::Json expected = whole;
  if (is_list) expected["list"] = oci::Json::array();
  fuzz::require(*rest == expected, "all but the list stays");
  fuzz::require(is_list ? *list == oci::Json(taken) : taken.empty(), "the list is taken in its order");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto json = oci::parse_json(text, "x", kLimits);
  const auto reference = oci::Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json) {
    fuzz::require(json.error().code() == ErrorCode::kProtocol, "no input is our fault");
    fuzz::require(fuzz::is_harmless(json.error().describe()), "an error shows no control characters");
    return 0;
  }
  fuzz::require(!reference.is_discarded() && reference == *json, "what is accepted is JSON, and means the same");
  Measure size_of;
  measure(*json, 1, size_of);
  fuzz::require(size_of.depth <= kLimits.max_depth && size_of.values <= kLimits.max_values, "the limits hold");
  const auto again = oci::parse_json(json->dump(), "x", kLimits);
  fuzz::require(again && *again == *json, "a document is read as it is written");
  check_elements(text, *json);
  return 0;
}
