#pragma once

#include <optional>
#include <string_view>

namespace freightliner {

/// Takes an unsigned decimal number ("12", "1.5", ".5") off the front of `rest`. Nothing where there is none, and
/// `rest` stays as it is: signs, exponents, "inf" and "nan" are no numbers here.
std::optional<double> take_number(std::string_view& rest) noexcept;

}  // namespace freightliner
