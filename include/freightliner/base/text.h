#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freightliner {

/// ASCII lower case; bytes above 127 stay as they are. Independent of the locale.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
std::string_view trim(std::string_view text) noexcept;
std::vector<std::string_view> split(std::string_view text, char separator);

/// Makes text from a remote safe for a terminal and a log: C0 and C1 controls, bidirectional overrides and invalid
/// UTF-8 become `\xNN` or `\u{NNNN}`; at most `limit` bytes are kept, and what was cut is marked with "…".
std::string printable(std::string_view text, std::size_t limit = 512);

/// A URL without its secrets: user information and every query value are replaced by "***".
std::string redact_url(std::string_view url);

}  // namespace freightliner
