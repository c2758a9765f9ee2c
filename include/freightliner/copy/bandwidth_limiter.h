#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "freightliner/base/clock.h"
#include "freightliner/base/guarded.h"
#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::copy {

/// Keeps blob bytes to a rate, for the whole run and by host. Time is handed out, not bytes: each chunk takes as much
/// of it as the rate gives it, one behind the other, so that all transfers together keep to the limit whatever their
/// number. Safe from any thread.
class BandwidthLimiter {
 public:
  /// Rates in bytes per second, above 0; nullopt, or a host that is not named: no limit.
  BandwidthLimiter(Clock& clock, std::optional<std::uint64_t> overall, std::map<std::string, std::uint64_t> by_host);

  bool unlimited() const noexcept { return unlimited_; }
  /// Waits until `bytes` may have passed between these two hosts (a registry's name; empty where a side is local).
  /// Errors: kCancelled.
  Status take(std::uint64_t bytes, const std::string& source_host, const std::string& destination_host,
              const std::stop_token& stop);
  /// How often chunks waited, and for how long in all: transfers wait side by side.
  runtime::WaitStatistics waits() const {
    return waits_.with([](const runtime::WaitStatistics& waits) { return waits; });
  }

 private:
  struct Lane {
    double rate = 0;
    TimePoint next{};
  };
  /// Reserves time on a lane; returns when the bytes may be through.
  static TimePoint reserve(Lane& lane, std::uint64_t bytes, TimePoint now);

  Clock& clock_;
  bool unlimited_;
  Guarded<std::map<std::string, Lane>> lanes_;  // "": the whole run
  Guarded<runtime::WaitStatistics> waits_;
};

}  // namespace freightliner::copy
