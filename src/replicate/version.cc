#include "freightliner/replicate/version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "replicate/version_text.h"

namespace freightliner::replicate {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_identifier_byte(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/// Takes the digits from the beginning, and returns them without the zeros before the number.
std::string_view take_digits(std::string_view& rest) noexcept {
  const auto count = static_cast<std::size_t>(std::ranges::find_if_not(rest, is_digit) - rest.begin());
  std::string_view digits = rest.substr(0, count);
  rest.remove_prefix(count);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

/// Of numbers of any length, as take_digits() returns them.
std::strong_ordering compare_digits(std::string_view a, std::string_view b) noexcept {
  if (const auto order = a.size() <=> b.size(); order != std::strong_ordering::equal) return order;
  return a <=> b;
}

std::strong_ordering compare_identifiers(std::string_view a, std::string_view b) noexcept {
  const bool a_is_number = std::ranges::all_of(a, is_digit);
  const bool b_is_number = std::ranges::all_of(b, is_digit);
  if (a_is_number && b_is_number) return compare_digits(take_digits(a), take_digits(b));
  if (a_is_number != b_is_number) return a_is_number ? std::strong_ordering::less : std::strong_ordering::greater;
  return a <=> b;
}

/// Semantic Versioning 2.0.0, clause 11.3 and 11.4.
std::strong_ordering compare_prereleases(std::string_view a, std::string_view b) noexcept {
  if (a.empty() || b.empty()) return a.empty() <=> b.empty();
  for (;;) {
    const std::size_t a_end = std::min(a.find('.'), a.size());
    const std::size_t b_end = std::min(b.find('.'), b.size());
    const auto order = compare_identifiers(a.substr(0, a_end), b.substr(0, b_end));
    if (order != std::strong_ordering::equal) return order;
    if (a_end == a.size() || b_end == b.size()) return (a_end != a.size()) <=> (b_end != b.size());
    a.remove_prefix(a_end + 1);
    b.remove_prefix(b_end + 1);
  }
}

constexpr std::string_view kDigestPrefix = "sha256-";

/// The hex digits of a digest tag; empty for other tags.
std::string_view hex_of_tag(std::string_view tag) noexcept {
  constexpr std::size_t kHexDigits = 64;
  constexpr std::array<std::string_view, 4> kSuffixes = {"", ".sig", ".att", ".sbom"};
  if (!tag.starts_with(kDigestPrefix) || tag.size() < kDigestPrefix.size() + kHexDigits) return {};
  const std::string_view hex = tag.substr(kDigestPrefix.size(), kHexDigits);
  const std::string_view suffix = tag.substr(kDigestPrefix.size() + kHexDigits);
  const auto is_lower_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  if (!std::ranges::all_of(hex, is_lower_hex) || std::ranges::find(kSuffixes, suffix) == kSuffixes.end()) return {};
  return hex;
}

}  // namespace

std::optional<std::uint64_t> take_number(std::string_view& rest) noexcept {
  std::uint64_t number = 0;
  if (rest.empty() || !is_digit(rest.front())) return std::nullopt;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

std::optional<std::string_view> take_identifiers(std::string_view& rest) noexcept {
  std::size_t end = 0;
  for (bool in_identifier = false; end < rest.size(); ++end) {
    if (rest[end] == '.') {
      if (!in_identifier) return std::nullopt;
      in_identifier = false;
    } else if (is_identifier_byte(rest[end])) {
      in_identifier = true;
    } else {
      break;
    }
  }
  if (end == 0 || rest[end - 1] == '.') return std::nullopt;
  const std::string_view identifiers = rest.substr(0, end);
  rest.remove_prefix(end);
  return identifiers;
}

bool take_byte(std::string_view& rest, char c) noexcept {
  if (!rest.starts_with(c)) return false;
  rest.remove_prefix(1);
  return true;
}

std::optional<Version> Version::parse(std::string_view text) noexcept {
  std::array<std::uint64_t, 3> numbers{};
  take_byte(text, 'v');
  std::size_t count = 0;
  do {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    numbers[count++] = *number;
  } while (count < numbers.size() && take_byte(text, '.'));

  Version version{numbers[0], numbers[1], numbers[2]};
  if (take_byte(text, '-')) {
    const auto prerelease = take_identifiers(text);
    if (!prerelease) return std::nullopt;
    version.prerelease = *prerelease;
  }
  if (take_byte(text, '+') && !take_identifiers(text)) return std::nullopt;
  if (!text.empty()) return std::nullopt;
  return version;
}

std::strong_ordering Version::operator<=>(const Version& other) const noexcept {
  if (const auto order = major <=> other.major; order != std::strong_ordering::equal) return order;
  if (const auto order = minor <=> other.minor; order != std::strong_ordering::equal) return order;
  if (const auto order = patch <=> other.patch; order != std::strong_ordering::equal) return order;
  return compare_prereleases(prerelease, other.prerelease);
}

bool natural_less(std::string_view a, std::string_view b) noexcept {
  std::string_view rest_a = a;
  std::string_view rest_b = b;
  while (!rest_a.empty() && !rest_b.empty()) {
    std::strong_ordering order = std::strong_ordering::equal;
    if (is_digit(rest_a.front()) && is_digit(rest_b.front())) {
      order = compare_digits(take_digits(rest_a), take_digits(rest_b));
    } else {
      order = rest_a.substr(0, 1) <=> rest_b.substr(0, 1);
      rest_a.remove_prefix(1);
      rest_b.remove_prefix(1);
    }
    if (order != std::strong_ordering::equal) return order == std::strong_ordering::less;
  }
  if (rest_a.empty() != rest_b.empty()) return rest_a.empty();
  return a < b;
}

void sort_by_version(std::vector<std::string>& tags) {
  struct Entry {
    std::optional<Version> version;
    std::size_t place;
  };
  std::vector<Entry> entries;
  entries.reserve(tags.size());
  for (std::size_t i = 0; i < tags.size(); ++i) entries.push_back({Version::parse(tags[i]), i});
  std::ranges::sort(entries, [&tags](const Entry& a, const Entry& b) {
    // No version comes before every version, as std::optional has it.
    if (const auto order = a.version <=> b.version; order != std::strong_ordering::equal) {
      return order == std::strong_ordering::less;
    }
    return natural_less(tags[a.place], tags[b.place]);
  });
  std::vector<std::string> sorted;
  sorted.reserve(tags.size());
  for (const Entry& entry : entries) sorted.push_back(std::move(tags[entry.place]));
  tags = std::move(sorted);
}

bool is_digest_tag(std::string_view tag) noexcept {
  return !hex_of_tag(tag).empty();
}

std::optional<std::string> digest_of_tag(std::string_view tag) {
  const std::string_view hex = hex_of_tag(tag);
  if (hex.empty()) return std::nullopt;
  return "sha256:" + std::string(hex);
}

}  // namespace freightliner::replicate
