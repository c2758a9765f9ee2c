#include "freightliner/http/retry_policy.h"

#include <gtest/gtest.h>

#include "http/stall_guard.h"

namespace freightliner::http {
namespace {

using std::chrono::seconds;

TEST(RetryPolicy, DoublesUpToTheCapAndJittersFromZero) {
  const RetryPolicy policy{.max_attempts = 10, .base = Duration(500), .max_delay = Duration(30'000)};
  EXPECT_EQ(policy.next_delay(1, {}, 0.0), Duration(0));
  EXPECT_EQ(policy.next_delay(1, {}, 0.5), Duration(250));
  EXPECT_EQ(policy.next_delay(3, {}, 0.5), Duration(1000));
  EXPECT_EQ(policy.next_delay(9, {}, 0.5), Duration(15'000));
}

TEST(RetryPolicy, EndsAfterItsAttempts) {
  const RetryPolicy policy{.max_attempts = 3};
  EXPECT_TRUE(policy.next_delay(2, {}, 0.1));
  EXPECT_FALSE(policy.next_delay(3, {}, 0.1));
  EXPECT_FALSE(policy.next_delay(4, {}, 0.1));
}

TEST(RetryPolicy, RetryAfterIsTheFloorAndHasACeiling) {
  const RetryPolicy policy;
  EXPECT_EQ(policy.next_delay(1, Duration(7'000), 0.0), Duration(7'000));
  EXPECT_EQ(policy.next_delay(1, policy.max_retry_after, 0.0), policy.max_retry_after);
  EXPECT_FALSE(policy.next_delay(1, policy.max_retry_after + Duration(1), 0.0));
}

TEST(RetryAfter, ReadsSecondsAndDates) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  struct Row {
    const char* text;
    std::optional<Duration> expected;
  };
  constexpr Duration kYear = seconds(366LL * 24 * 3600);
  for (const Row& row :
       {Row{"120", seconds(120)}, Row{" 0 ", seconds(0)}, Row{"-5", seconds(0)},
        Row{"Sun, 06 Nov 1994 08:50:07 GMT", seconds(30)}, Row{"Sun, 06 Nov 1994 08:00:00 GMT", seconds(0)},
        Row{"Fri, 31 Dec 9999 23:59:59 GMT", kYear}, Row{"Mon, 01 Jan 1600 00:00:00 GMT", seconds(0)},
        Row{"9223372036854775808", kYear}, Row{"999999999999", kYear}, Row{"", std::nullopt}, Row{"soon", std::nullopt},
        Row{"12x", std::nullopt}}) {
    EXPECT_EQ(parse_retry_after(row.text, now), row.expected) << row.text;
  }
}

TEST(StallGuard, JudgesTheAverageOfAWindow) {
  const TimePoint start{};
  StallGuard guard(Duration(10'000), 1000, start);
  guard.moved(10'000);
  EXPECT_FALSE(guard.stalled(start + seconds(9)));
  EXPECT_FALSE(guard.stalled(start + seconds(10)));  // exactly the minimum; a new window begins
  guard.moved(9'999);
  EXPECT_FALSE(guard.stalled(start + seconds(19)));
  EXPECT_TRUE(guard.stalled(start + seconds(20)));
}

TEST(StallGuard, DoesNotCountTimeThatWasPaused) {
  const TimePoint start{};
  StallGuard guard(Duration(10'000), 1000, start);
  guard.restart(start + seconds(30));
  EXPECT_FALSE(guard.stalled(start + seconds(39)));
  EXPECT_TRUE(guard.stalled(start + seconds(40)));
}

}  // namespace
}  // namespace freightliner::http
