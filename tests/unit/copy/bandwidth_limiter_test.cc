#include "freightliner/copy/bandwidth_limiter.h"

#include <gtest/gtest.h>

#include <numeric>

#include "support/manual_clock.h"

namespace freightliner::copy {
namespace {

Duration slept(const test::ManualClock& clock) {
  const auto sleeps = clock.sleeps();
  return std::accumulate(sleeps.begin(), sleeps.end(), Duration(0));
}

TEST(BandwidthLimiter, WithoutLimitsNothingWaits) {
  test::ManualClock clock;
  BandwidthLimiter limiter(clock, std::nullopt, {});
  EXPECT_TRUE(limiter.unlimited());
  ASSERT_TRUE(limiter.take(1 << 30, "a", "b", {}));
  EXPECT_EQ(slept(clock), Duration(0));
}

TEST(BandwidthLimiter, BytesTakeTheTimeThatTheRateGivesThem) {
  test::ManualClock clock;
  BandwidthLimiter limiter(clock, 1000, {});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(limiter.take(500, "a", "b", {}));
  EXPECT_EQ(slept(clock), Duration(5'000));
  EXPECT_EQ(limiter.waits().count, 10U);
  EXPECT_EQ(limiter.waits().time, Duration(5'000));
}

TEST(BandwidthLimiter, AHostsLimitCountsForThatHostAlone) {
  test::ManualClock clock;
  BandwidthLimiter limiter(clock, std::nullopt, {{"slow", 100}});
  ASSERT_TRUE(limiter.take(1000, "a", "b", {}));
  EXPECT_EQ(slept(clock), Duration(0));
  ASSERT_TRUE(limiter.take(200, "a", "slow", {}));
  EXPECT_EQ(slept(clock), Duration(2'000));
  ASSERT_TRUE(limiter.take(100, "slow", "slow", {}));  // once, though it is both sides
  EXPECT_EQ(slept(clock), Duration(3'000));
}

TEST(BandwidthLimiter, AStopEndsTheWait) {
  test::ManualClock clock;
  BandwidthLimiter limiter(clock, 1, {});
  std::stop_source stop;
  stop.request_stop();
  const Status taken = limiter.take(1000, "", "", stop.get_token());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace freightliner::copy
