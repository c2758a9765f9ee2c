#include "freightliner/http/host_governor.h"

#include <gtest/gtest.h>

#include "support/manual_clock.h"

namespace freightliner::http {
namespace {

TEST(HostGovernor, APauseHoldsBackOneHostForItsTime) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  const std::stop_source stop;
  governor.pause("a", Duration(5'000));
  governor.pause("a", Duration(1'000));  // shorter: changes nothing
  ASSERT_TRUE(governor.wait_until_open("b", stop.get_token()));
  EXPECT_TRUE(clock.sleeps().empty());
  ASSERT_TRUE(governor.wait_until_open("a", stop.get_token()));
  EXPECT_EQ(clock.sleeps(), std::vector<Duration>{Duration(5'000)});
  ASSERT_TRUE(governor.wait_until_open("a", stop.get_token()));
  EXPECT_EQ(clock.sleeps().size(), 1U);
}

TEST(HostGovernor, AStopEndsTheWait) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  std::stop_source stop;
  governor.pause("a", Duration(5'000));
  stop.request_stop();
  const Status status = governor.wait_until_open("a", stop.get_token());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace freightliner::http
