#include "freightliner/base/date.h"

#include <gtest/gtest.h>

#include <string>

namespace freightliner {
namespace {

long long milliseconds_of(std::string_view text) {
  const auto time = parse_date(text);
  if (!time) return -1;
  return std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

TEST(ParseDate, ReadsDatesAndTimes) {
  struct Case {
    std::string_view text;
    long long milliseconds;
  };
  for (const Case& c :
       {Case{"1970-01-01", 0}, Case{"1970-01-02", 86'400'000}, Case{"2000-02-29", 951'782'400'000},
        Case{"1970-01-01T00:00:01Z", 1000}, Case{"1970-01-01t00:00:01z", 1000}, Case{"1970-01-01T01:00:00+01:00", 0},
        Case{"1970-01-01T00:00:00-00:30", 1'800'000}, Case{"1970-01-01T00:00:00.5Z", 500},
        Case{"1970-01-01T00:00:00.123456789Z", 123}, Case{"2026-01-31T12:00:00Z", 1'769'860'800'000}}) {
    EXPECT_EQ(milliseconds_of(c.text), c.milliseconds) << c.text;
  }
}

TEST(ParseDate, RefusesAnythingElse) {
  for (const std::string_view text : {"",
                                      "2026",
                                      "2026-1-31",
                                      "2026-02-30",
                                      "2026-13-01",
                                      "2026-00-10",
                                      "2026-01-31T",
                                      "2026-01-31 12:00:00Z",
                                      "2026-01-31T12:00:00",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T12:60:00Z",
                                      "2026-01-31T12:00:61Z",
                                      "2026-01-31T12:00:00.Z",
                                      "2026-01-31T12:00:00+1:00",
                                      "2026-01-31T12:00:00+24:00",
                                      "2026-01-31T12:00:00Zx",
                                      "1699-12-31",
                                      "2262-01-01",
                                      "1700-01-01T00:00:00+00:01",
                                      "2261-12-31T23:59:59-00:01",
                                      "2261-12-31T23:59:60Z",
                                      "x026-01-31",
                                      "2026-01-31x",
                                      "0x26-01-31",
                                      "30d"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(DateText, ParseDateReadsIt) {
  struct Case {
    std::int64_t milliseconds;
    std::string_view text;
  };
  for (const Case& c :
       {Case{0, "1970-01-01T00:00:00.000Z"}, Case{1, "1970-01-01T00:00:00.001Z"},
        Case{951'782'399'999, "2000-02-28T23:59:59.999Z"}, Case{951'782'400'000, "2000-02-29T00:00:00.000Z"},
        Case{1'714'564'800'123, "2024-05-01T12:00:00.123Z"}, Case{9'214'646'399'999, "2261-12-31T23:59:59.999Z"}}) {
    const std::chrono::system_clock::time_point time{std::chrono::milliseconds(c.milliseconds)};
    EXPECT_EQ(date_text(time), c.text);
    EXPECT_EQ(parse_date(c.text), time) << c.text;
  }
  EXPECT_EQ(date_text(std::chrono::system_clock::time_point(std::chrono::microseconds(1'999))),
            "1970-01-01T00:00:00.001Z");
}

}  // namespace
}  // namespace freightliner
