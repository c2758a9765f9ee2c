#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "freightliner/io/hasher.h"
#include "freightliner/replicate/checkpoint.h"
#include "support/cleanups.h"
#include "support/temporary_directory.h"

namespace freightliner::replicate {

/// Wall time that stands until it is moved, also backwards.
class WallClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(std::chrono::hours(1)) + offset_.load(); }
  std::chrono::system_clock::time_point wall_time() const override {
    return std::chrono::system_clock::time_point(std::chrono::hours(24 * 365 * 50)) + offset_.load();
  }
  bool sleep_for(Duration duration, const std::stop_token&) override {
    advance(duration);
    return true;
  }
  void advance(Duration duration) { offset_ = offset_.load() + duration; }

 private:
  std::atomic<Duration> offset_ = Duration(0);
};

inline oci::Digest digest(int number) {
  return io::digest_of("content " + std::to_string(number));
}

class CheckpointTest : public ::testing::Test {
 protected:
  using Opened = Result<std::unique_ptr<Checkpoint>>;

  Opened open(Duration ttl = std::chrono::hours(24)) {
    return Checkpoint::open(test::cleanups(), path_, binding_, ttl, clock_);
  }
  void record(int count) {
    auto checkpoint = open();
    ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
    for (int i = 0; i < count; ++i) {
      const Status recorded = (*checkpoint)->record("team/app", "v" + std::to_string(i), digest(i));
      ASSERT_TRUE(recorded) << recorded.error().describe();
    }
  }
  std::string text() const { return temporary_.read("journal"); }
  void write(std::string_view text) const { temporary_.write("journal", text, 0600); }
  std::ptrdiff_t lines() const { return std::ranges::count(text(), '\n'); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(temporary_.path()), {}));
  }

  test::TemporaryDirectory temporary_;
  std::filesystem::path path_ = temporary_ / "journal";
  CheckpointBinding binding_{"src:5000/team", "dst:5000", "include v*"};
  WallClock clock_;
};

}  // namespace freightliner::replicate
