#include "freightliner/base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>

#include "base/number.h"
#include "freightliner/base/text.h"

namespace freightliner {

bool SystemClock::sleep_for(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any condition;
  std::unique_lock lock(mutex);
  return !condition.wait_for(lock, stop, duration, [&] { return stop.stop_requested(); });
}

std::string format_duration(Duration duration) {
  const auto milliseconds = duration.count();
  if (milliseconds < 1000) return fmt::format("{} ms", milliseconds);
  // 59.95 s and more would print as "60.0 s".
  if (milliseconds < 59'950) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000.0);
  const auto seconds = (milliseconds + 500) / 1000;
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
}

Result<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double milliseconds;
  };
  static constexpr std::array<Unit, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  const auto bad = [&] {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{}\" is not a duration: write 500ms, 30s, 5m, 1h30m or 2d", printable(text, 64)));
  };
  std::string_view rest = trim(text);
  if (rest.empty()) return bad();
  double total = 0;
  while (!rest.empty()) {
    const bool first = rest.size() == trim(text).size();
    const auto number = take_number(rest);
    if (!number) return bad();
    if (rest.empty() && first) {
      total = *number * 1000;
      break;
    }
    const auto unit_length = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view unit = rest.substr(0, unit_length);
    bool known = false;
    for (const Unit& candidate : kUnits) {
      if (candidate.name != unit) continue;
      total += *number * candidate.milliseconds;
      known = true;
    }
    if (!known) return bad();
    rest.remove_prefix(unit_length);
  }
  // A hundred years: now() + duration must fit into the 292 years that a 64-bit count of nanoseconds spans.
  if (total > 100.0 * 365 * 86'400'000) return bad();
  return Duration(static_cast<Duration::rep>(total));
}

}  // namespace freightliner
