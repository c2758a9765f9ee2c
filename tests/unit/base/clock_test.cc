#include "freightliner/base/clock.h"

#include <gtest/gtest.h>

#include <string_view>
#include <thread>

namespace freightliner {
namespace {

using std::chrono::milliseconds;

TEST(DurationTest, Formats) {
  struct Row {
    std::int64_t milliseconds;
    std::string_view text;
  };
  constexpr Row kRows[] = {
      {0, "0 ms"},          {350, "350 ms"},      {999, "999 ms"},        {1000, "1.0 s"},    {12'300, "12.3 s"},
      {59'949, "59.9 s"},   {59'950, "1m00s"},    {60'000, "1m00s"},      {245'000, "4m05s"}, {3'599'400, "59m59s"},
      {3'599'500, "1h00m"}, {7'380'000, "2h03m"}, {90'000'000, "25h00m"},
  };
  for (const Row& row : kRows) EXPECT_EQ(format_duration(milliseconds(row.milliseconds)), row.text) << row.milliseconds;
}

TEST(DurationTest, Parses) {
  struct Row {
    std::string_view text;
    std::int64_t milliseconds;
  };
  constexpr Row kRows[] = {
      {"0", 0},
      {"30", 30'000},
      {"1.5", 1500},
      {"500ms", 500},
      {"30s", 30'000},
      {" 30s ", 30'000},
      {"5m", 300'000},
      {"1h30m", 5'400'000},
      {"2d", 172'800'000},
      {"1.5h", 5'400'000},
      {"1m500ms", 60'500},
      {".5s", 500},
      {"0s", 0},
      {"36500d", 3'153'600'000'000},
  };
  for (const Row& row : kRows) {
    const auto duration = parse_duration(row.text);
    ASSERT_TRUE(duration) << row.text << ": " << duration.error().describe();
    EXPECT_EQ(duration->count(), row.milliseconds) << row.text;
  }
}

TEST(DurationTest, RefusesWhatIsNoDuration) {
  constexpr std::string_view kRows[] = {
      "",       " ",
      "s",      "-1",
      "-1s",    "-0s",
      "+5s",    "1 h",
      "1h 30m", "1h30",
      "5x",     "1e3",
      "1e3s",   "inf",
      "infs",   "nan",
      "nans",   "5S",
      "m5",     "1.2.3s",
      "..s",    "36501d",
      "1e99d",  "99999999999999999999d",
      "\n",     "3153600000001",
  };
  for (const std::string_view text : kRows) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text << " = " << duration->count();
    EXPECT_EQ(duration.error().code(), ErrorCode::kUsage) << text;
    EXPECT_NE(duration.error().message().find("is not a duration"), std::string::npos);
  }
}

TEST(DurationTest, TheLongestDurationCanBeAddedToNow) {
  const SystemClock clock;
  const auto longest = parse_duration("36500d");
  ASSERT_TRUE(longest);
  EXPECT_GT(clock.now() + *longest, clock.now());
  EXPECT_GT(clock.wall_time() + *longest, clock.wall_time());
}

TEST(SystemClockTest, SleepsForTheWholeTime) {
  SystemClock clock;
  const TimePoint start = clock.now();
  EXPECT_TRUE(clock.sleep_for(milliseconds(20), std::stop_token()));
  EXPECT_GE(clock.now() - start, milliseconds(20));
}

TEST(SystemClockTest, AStopEndsTheSleep) {
  SystemClock clock;
  std::stop_source stop;
  const TimePoint start = clock.now();
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(clock.sleep_for(std::chrono::hours(1), stop.get_token()));
  EXPECT_LT(clock.now() - start, std::chrono::minutes(1));
  EXPECT_FALSE(clock.sleep_for(std::chrono::hours(1), stop.get_token()));
}

}  // namespace
}  // namespace freightliner
