#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

inline ByteSpan as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(ByteSpan bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// "512 B", "1.5 KiB", "3.0 GiB": binary units (IEC 80000-13), one decimal above a KiB.
std::string format_bytes(std::uint64_t bytes);

/// Reads "65536", "64KiB", "64K", "1.5GiB", "10MB" (decimal) into bytes. Errors: kUsage, naming the text.
Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace freightliner
