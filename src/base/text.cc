#include "freightliner/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace freightliner {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // 0: not valid UTF-8 here
};

// RFC 3629: shortest form only, no surrogates, at most U+10FFFF.
CodePoint decode_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 && first < 0xF8   ? 4
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xC0 && first < 0xE0 ? 2
                                                             : 0;
  if (length == 0 || text.size() < length) return {};
  char32_t value = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length};
}

// Controls, line and paragraph separators, and what reorders text on a screen (Unicode TR 9; "Trojan Source", 2021).
bool is_unsafe(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string result;
  result.reserve(std::min(text.size(), limit));
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    const std::size_t length = std::max<std::size_t>(c.length, 1);
    std::string piece(text.substr(0, length));
    if (c.length == 0) {
      piece = fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    } else if (is_unsafe(c.value)) {
      piece = c.value < 0x100 ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c.value))
                              : fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(c.value));
    }
    if (result.size() + piece.size() > limit) return result + "…";
    result += piece;
    text.remove_prefix(length);
  }
  return result;
}

std::string redact_url(std::string_view url) {
  std::string result(url);
  // A proxy is often written without a scheme, and its password must be hidden all the same.
  const auto scheme = result.find("//");
  const bool has_scheme = scheme != std::string::npos && scheme == result.find('/');
  const std::size_t authority = has_scheme ? scheme + 2 : 0;
  // Up to the "/" alone: a "?" or "#" before the "@" is part of a password that was not escaped.
  const auto end = std::min(result.find('/', authority), result.size());
  if (const auto at = std::string_view(result).substr(0, end).rfind('@'); at != std::string::npos && at >= authority) {
    result.replace(authority, at - authority, "***");
  }
  const auto query = result.find('?');
  if (query == std::string::npos) return result;
  std::string redacted = result.substr(0, query + 1);
  bool first = true;
  for (const std::string_view part : split(std::string_view(result).substr(query + 1), '&')) {
    if (!first) redacted += '&';
    first = false;
    const auto equals = part.find('=');
    redacted += part.substr(0, equals);
    if (equals != std::string_view::npos) redacted += "=***";
  }
  return redacted;
}

}  // namespace freightliner
