#include "registry/link.h"

#include "freightliner/base/text.h"

namespace freightliner::registry {
namespace {

// One parameter of a link: `rel=next` or `rel="prev next"`.
bool is_next_parameter(std::string_view parameter) {
  const auto equals = parameter.find('=');
  if (equals == std::string_view::npos || !equals_ignoring_case(trim(parameter.substr(0, equals)), "rel")) return false;
  std::string_view value = trim(parameter.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  for (const std::string_view relation : split(value, ' ')) {
    if (equals_ignoring_case(relation, "next")) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> next_link(const std::vector<std::string>& header_values) {
  for (const std::string_view value : header_values) {
    std::string_view rest = value;
    for (;;) {
      const auto open = rest.find('<');
      if (open == std::string_view::npos) break;
      const auto close = rest.find('>', open);
      if (close == std::string_view::npos) break;
      const std::string_view target = rest.substr(open + 1, close - open - 1);
      rest = rest.substr(close + 1);
      // Parameters end where the next link begins; a quoted "<" in one would end them early, which loses no link.
      const std::string_view parameters = rest.substr(0, rest.find('<'));
      for (const std::string_view parameter : split(parameters.substr(0, parameters.rfind(',')), ';')) {
        if (is_next_parameter(parameter)) return std::string(target);
      }
      if (parameters.find(',') == std::string_view::npos) {
        for (const std::string_view parameter : split(parameters, ';')) {
          if (is_next_parameter(parameter)) return std::string(target);
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace freightliner::registry
