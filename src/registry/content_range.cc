#include "registry/content_range.h"

#include <charconv>

#include "freightliner/base/text.h"

namespace freightliner::registry {

std::optional<std::uint64_t> content_range_start(std::string_view value) {
  value = trim(value);
  if (!equals_ignoring_case(value.substr(0, 6), "bytes ")) return std::nullopt;
  value.remove_prefix(6);
  std::uint64_t first = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), first);
  if (error != std::errc() || end == value.data() + value.size() || *end != '-') return std::nullopt;
  return first;
}

}  // namespace freightliner::registry
