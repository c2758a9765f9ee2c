#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "freightliner/base/clock.h"
#include "freightliner/base/result.h"
#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::runtime {

/// A threshold that was crossed.
struct Alert {
  std::string alert;    ///< the rule as it was written
  double value = 0;     ///< in bytes, milliseconds, percent or bytes per second
  std::string message;  ///< one line for people
  double seconds = 0;   ///< since the run began
};

/// A threshold that a run is held to. A value type.
class AlertRule {
 public:
  /// Reads "rss>256MiB", "p50|p90|p99|max:OPERATION>DURATION" ("p99:blob>2s"), "error-rate>PERCENT%" or
  /// "throughput<SIZE". Errors: kUsage, naming the part that is wrong and what it may be.
  static Result<AlertRule> parse(std::string_view text);

  /// What a rule looks at besides a snapshot.
  struct Moment {
    std::uint64_t bytes_moved = 0;
    Duration elapsed{0};
    bool at_end = false;  ///< of the run: what was waited for until there were enough figures is judged now
  };
  /// The alert where the rule is broken. Shares of errors and of latencies are judged when 20 operations have ended, a
  /// throughput after 10 s, or at the end; a throughput only where bytes moved at all. Memory is judged by the peak, so
  /// that nothing is missed between two looks.
  std::optional<Alert> judge(const PerformanceSnapshot& snapshot, const Moment& moment) const;

  const std::string& text() const noexcept { return text_; }

 private:
  enum class Kind { kResidentSize, kLatency, kErrorRate, kThroughput };
  struct Finding {
    double value = 0;
    std::string what;  ///< "the resident size was 70.1 MiB"
  };
  static Result<AlertRule> parse_latency(std::string_view subject, std::string_view limit);
  std::optional<Finding> look(const PerformanceSnapshot& snapshot, const Moment& moment) const;

  std::string text_;
  Kind kind_ = Kind::kResidentSize;
  std::string percentile_;
  double share_ = 0;  // of values that are to be at or below the threshold; 1: all
  Operation operation_ = Operation::kBlobCopy;
  double threshold_ = 0;  // in the units of Alert::value
};

}  // namespace freightliner::runtime
