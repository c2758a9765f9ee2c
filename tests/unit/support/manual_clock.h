#pragma once

#include <mutex>
#include <vector>

#include "freightliner/base/clock.h"

namespace freightliner::test {

/// A clock that stands until it is moved; a sleep moves it. Safe from any thread.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::chrono::system_clock::time_point wall_time() const override { return std::chrono::system_clock::time_point{}; }
  bool sleep_for(Duration duration, const std::stop_token& stop) override {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested()) return false;
    now_ += duration;
    sleeps_.push_back(duration);
    return true;
  }

  void advance(Duration duration) {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }
  std::vector<Duration> sleeps() const {
    const std::lock_guard lock(mutex_);
    return sleeps_;
  }

 private:
  mutable std::mutex mutex_;
  TimePoint now_{std::chrono::hours(1)};
  std::vector<Duration> sleeps_;
};

}  // namespace freightliner::test
