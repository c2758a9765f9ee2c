#include "cli/text_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/cli_fixture.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using replicate::kNoFigure;
using ::testing::HasSubstr;
using ::testing::Not;

Plot ramp() {
  return {"Latency", Measure::kMilliseconds, {{"", {{0, 10, 0}, {10, 20, 50}, {20, 30, 100}, {30, 40, kNoFigure}}}}};
}

// In characters, not bytes: what continues one in UTF-8 is not counted.
std::size_t columns_of(std::string_view line) {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

TEST(TextPlot, WhatPeopleSee) {
  EXPECT_EQ(text_plot(ramp(), false),
            "Latency, ms\n"
            "      100 +                              ################\n"
            "          |                              ################\n"
            "          |                              ################\n"
            "          |                              ################\n"
            "       50 +               ###############################\n"
            "          |               ###############################\n"
            "          |               ###############################\n"
            "          |               ###############################\n"
            "        0 +---------------+--------------+--------------+--------------+\n"
            "           0 s          10 s           20 s           30 s          40 s\n");
}

TEST(TextPlot, BlocksHaveEighths) {
  Plot plot = ramp();
  plot.curves[0].series = {{0, 20, 100}, {20, 40, 6.25}, {40, 60, 0.01}};
  const std::string text = text_plot(plot, true);
  EXPECT_THAT(text, HasSubstr("100 ┤████"));
  EXPECT_THAT(text, HasSubstr("█▄▄"));
  EXPECT_THAT(text, HasSubstr("▄▁▁"));  // what is there at all is seen
  EXPECT_THAT(text, HasSubstr("0 ┼──"));
}

TEST(TextPlot, IsSeventyTwoColumnsWide) {
  for (const double end : {0.003, 1.0, 17.0, 100.0, 5000.0, 1e6, 1e12, 1e300}) {
    for (const double highest : {0.001, 7.0, 12345.0, 1e300}) {
      for (const bool unicode : {true, false}) {
        Plot plot = ramp();
        plot.curves[0].series = {{0, end, highest}};
        const std::string text = text_plot(plot, unicode);
        for (const std::string_view line : split(text, '\n')) EXPECT_LE(columns_of(line), 72U) << line;
      }
    }
  }
}

TEST(TextPlot, TwoRunsHaveTheSameAxes) {
  Plot plot = ramp();
  plot.curves = {{"new", {{0, 10, 10}}}, {"old", {{0, 20, 40}}}, {"empty", {}}};
  const std::string text = text_plot(plot, false);
  EXPECT_THAT(text, HasSubstr("Latency, new, ms\n       40 +\n"));
  EXPECT_THAT(text, HasSubstr("\n\nLatency, old, ms\n       40 +####"));
  EXPECT_THAT(text, Not(HasSubstr("empty")));
}

TEST(TextPlot, NothingToDraw) {
  EXPECT_EQ(text_plot({"Latency", Measure::kMilliseconds, {{"", {}}}}, true), "");
}

TEST(TextPlot, TheLocaleDecides) {
  EXPECT_FALSE(is_utf8_locale(environment_of({})));
  EXPECT_TRUE(is_utf8_locale(environment_of({{"LANG", "en_GB.UTF-8"}})));
  EXPECT_TRUE(is_utf8_locale(environment_of({{"LC_CTYPE", "C.utf8"}, {"LANG", "C"}})));
  EXPECT_FALSE(is_utf8_locale(environment_of({{"LC_ALL", "C"}, {"LANG", "en_GB.UTF-8"}})));
}

}  // namespace
}  // namespace freightliner::cli
