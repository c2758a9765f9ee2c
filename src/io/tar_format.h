#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "freightliner/base/bytes.h"

namespace freightliner::io {

inline constexpr std::size_t kTarBlock = 512;

/// A header block (POSIX.1-2017, pax, "ustar Interchange Format"). Text fields end at a NUL or at their end.
struct TarHeader {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link_name;
  std::array<char, 8> magic;  // with the version: "ustar\0" "00", or GNU's "ustar  \0"
  std::array<char, 32> user_name;
  std::array<char, 32> group_name;
  std::array<char, 8> device_major;
  std::array<char, 8> device_minor;
  std::array<char, 155> prefix;
  std::array<char, 12> unused;
};
static_assert(sizeof(TarHeader) == kTarBlock);

constexpr std::string_view kUstarMagic(
    "ustar\0"
    "00",
    8);

/// The bytes that follow `size` bytes to fill a block.
constexpr std::size_t tar_padding(std::uint64_t size) noexcept {
  return static_cast<std::size_t>((kTarBlock - size % kTarBlock) % kTarBlock);
}

template <std::size_t kSize>
std::string_view tar_text(const std::array<char, kSize>& field) noexcept {
  const std::string_view text(field.data(), kSize);
  return text.substr(0, text.find('\0'));
}

/// The sum of a header's bytes, the checksum field counted as spaces: of unsigned bytes, as the standard has it, and of
/// signed ones, as some old programs wrote it.
struct TarChecksum {
  std::uint64_t as_unsigned = 0;
  std::int64_t as_signed = 0;
};
TarChecksum tar_checksum(const TarHeader& header) noexcept;

/// A number field: octal between spaces and NULs (blank is 0), or GNU's base-256. Nothing for anything else, negative
/// numbers, and those above 2^63-1.
std::optional<std::uint64_t> tar_number(std::string_view field) noexcept;

}  // namespace freightliner::io
