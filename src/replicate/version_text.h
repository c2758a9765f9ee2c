#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace freightliner::replicate {

/// Takes a number (digits, below 2^63, so that it can be counted up) from the beginning of `rest`; nullopt, and `rest`
/// as it was, where there is none.
std::optional<std::uint64_t> take_number(std::string_view& rest) noexcept;

/// Takes identifiers with dots between them ("rc.1") from the beginning of `rest`; nullopt, and `rest` as it was, where
/// one is missing or empty.
std::optional<std::string_view> take_identifiers(std::string_view& rest) noexcept;

/// Takes `c` from the beginning of `rest`, if it is there.
bool take_byte(std::string_view& rest, char c) noexcept;

}  // namespace freightliner::replicate
