#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace freightliner {

/// Reads a date ("2026-01-31", its first moment in UTC) or a date and time of RFC 3339 ("2026-01-31T12:00:00.5+01:00",
/// the offset required, fractions cut to milliseconds), of the years 1700 to 2261, in UTC as well. nullopt for anything
/// else, also for days that do not exist.
std::optional<std::chrono::system_clock::time_point> parse_date(std::string_view text);

/// "2026-01-31T12:00:00.123Z": RFC 3339 in UTC, cut to milliseconds; parse_date() reads it.
std::string date_text(std::chrono::system_clock::time_point time);

}  // namespace freightliner
