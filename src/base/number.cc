#include "base/number.h"

#include <charconv>

namespace freightliner {

std::optional<double> take_number(std::string_view& rest) noexcept {
  constexpr std::string_view kFirst = "0123456789.";
  if (rest.empty() || kFirst.find(rest.front()) == std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

}  // namespace freightliner
