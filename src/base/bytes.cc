#include "freightliner/base/bytes.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "base/number.h"
#include "freightliner/base/text.h"

namespace freightliner {

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < kKiB) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024.0;
  std::size_t unit = 0;
  // 1023.95 would print as "1024.0": go on to the next unit there.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 14> kUnits = {
      {{"", 1},
       {"b", 1},
       {"k", kKiB},
       {"kib", kKiB},
       {"kb", 1000},
       {"m", kMiB},
       {"mib", kMiB},
       {"mb", 1000 * 1000},
       {"g", kGiB},
       {"gib", kGiB},
       {"gb", 1000 * 1000 * 1000},
       {"t", 1024 * kGiB},
       {"tib", 1024 * kGiB},
       {"tb", 1000ULL * 1000 * 1000 * 1000}}};
  const auto bad = [&] {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" is not a size: write a number with an optional unit, as in 65536, 256KiB or 1.5GiB",
                            printable(text, 64)));
  };
  std::string_view rest = trim(text);
  const auto number = take_number(rest);
  if (!number) return bad();
  const std::string unit = to_lower(trim(rest));
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    const double bytes = *number * static_cast<double>(factor);
    if (bytes >= 9.2e18) return bad();
    return static_cast<std::uint64_t>(std::llround(bytes));
  }
  return bad();
}

}  // namespace freightliner
