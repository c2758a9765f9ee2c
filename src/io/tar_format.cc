#include "io/tar_format.h"

#include <bit>
#include <limits>

namespace freightliner::io {
namespace {

constexpr auto kMaxNumber = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::optional<std::uint64_t> base256_number(std::string_view field) noexcept {
  constexpr unsigned char kNegative = 0x40;
  std::uint64_t value = static_cast<unsigned char>(field.front()) & 0x7FU;
  if ((value & kNegative) != 0) return std::nullopt;
  for (const char c : field.substr(1)) {
    if (value > kMaxNumber >> 8U) return std::nullopt;
    value = value << 8U | static_cast<unsigned char>(c);
  }
  return value;
}

}  // namespace

TarChecksum tar_checksum(const TarHeader& header) noexcept {
  TarHeader blank = header;
  blank.checksum.fill(' ');
  TarChecksum sum;
  for (const char c : std::bit_cast<std::array<char, kTarBlock>>(blank)) {
    sum.as_unsigned += static_cast<unsigned char>(c);
    sum.as_signed += static_cast<signed char>(c);
  }
  return sum;
}

std::optional<std::uint64_t> tar_number(std::string_view field) noexcept {
  if (field.empty()) return std::nullopt;
  if ((static_cast<unsigned char>(field.front()) & 0x80U) != 0) return base256_number(field);
  constexpr std::string_view kBlank(" \0", 2);
  const auto begin = field.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return 0;
  std::string_view digits = field.substr(begin);
  digits = digits.substr(0, digits.find_first_of(kBlank));
  if (field.find_first_not_of(kBlank, begin + digits.size()) != std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '7' || value > kMaxNumber >> 3U) return std::nullopt;
    value = value << 3U | static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

}  // namespace freightliner::io
