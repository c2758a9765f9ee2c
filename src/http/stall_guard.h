#pragma once

#include <cstdint>

#include "freightliner/base/clock.h"

namespace freightliner::http {

/// Decides when a streaming body is too slow: fewer than `minimum_rate` bytes per second on average over a whole
/// window. libcurl's LOW_SPEED_* counts the time in which we paused a transfer ourselves, so it would blame the wrong
/// side.
class StallGuard {
 public:
  StallGuard(Duration window, std::uint64_t minimum_rate, TimePoint now)
      : window_(window), minimum_rate_(minimum_rate), start_(now) {}

  void moved(std::uint64_t bytes) noexcept { bytes_ += bytes; }
  /// Starts a new window: the transfer was paused by us, or waits for something else from here on.
  void restart(TimePoint now) noexcept {
    start_ = now;
    bytes_ = 0;
  }
  /// True where the window is over and too little moved in it.
  bool stalled(TimePoint now) noexcept {
    const auto elapsed = std::chrono::duration_cast<Duration>(now - start_);
    if (elapsed < window_) return false;
    const auto needed = minimum_rate_ * static_cast<std::uint64_t>(window_.count()) / 1000;
    if (bytes_ < needed) return true;
    restart(now);
    return false;
  }
  void set_window(Duration window) noexcept { window_ = window; }

 private:
  Duration window_;
  std::uint64_t minimum_rate_;
  TimePoint start_;
  std::uint64_t bytes_ = 0;
};

}  // namespace freightliner::http
