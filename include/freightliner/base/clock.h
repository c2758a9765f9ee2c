#pragma once

#include <chrono>
#include <stop_token>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;

/// Time, so that tests can make it. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual std::chrono::system_clock::time_point wall_time() const = 0;
  /// Sleeps for `duration`, or until a stop is asked for. False when it was stopped early.
  virtual bool sleep_for(Duration duration, const std::stop_token& stop) = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall_time() const override { return std::chrono::system_clock::now(); }
  bool sleep_for(Duration duration, const std::stop_token& stop) override;
};

/// "350 ms", "12.3 s", "4m05s", "2h03m".
std::string format_duration(Duration duration);

/// Reads "30s", "500ms", "5m", "1h30m", "2d", or a bare number of seconds. Errors: kUsage, naming the text.
Result<Duration> parse_duration(std::string_view text);

}  // namespace freightliner
