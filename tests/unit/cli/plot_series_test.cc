#include "cli/plot_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace freightliner::cli {
namespace {

using replicate::kNoFigure;
using replicate::ReportSamples;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::NanSensitiveDoubleEq;

MATCHER_P3(Is, begin, end, value, "") {
  return arg.begin == begin && arg.end == end && (arg.value == value || (std::isnan(arg.value) && std::isnan(value)));
}

ReportSamples samples(std::vector<double> values) {
  return {.columns = {"blob_p99_ms", "seconds", "bytes_moved"}, .values = std::move(values)};
}

TEST(PlotSeries, ThroughputIsTheDifferenceOfBytesOverThatOfTime) {
  EXPECT_THAT(throughput_of(samples({0, 0, 0, 0, 1, 100, 0, 3, 500})), ElementsAre(Is(0., 1., 100.), Is(1., 3., 200.)));
  // The run begins at 0 with nothing moved.
  EXPECT_THAT(throughput_of(samples({0, 2, 100})), ElementsAre(Is(0., 2., 50.)));
  // Nothing in no time, nothing where a sample has no bytes; and no run takes bytes back.
  EXPECT_THAT(throughput_of(samples({0, 1, 100, 0, 1, 900, 0, 2, kNoFigure, 0, 3, 300, 0, 4, 200})),
              ElementsAre(Is(0., 1., 100.), Is(1., 3., 100.), Is(3., 4., 0.)));
  EXPECT_THAT(throughput_of(samples({0, 0, 0, 0, 0, 100})), IsEmpty());
  EXPECT_THAT(throughput_of(samples({})), IsEmpty());
  EXPECT_THAT(throughput_of(ReportSamples()), IsEmpty());
  EXPECT_THAT(throughput_of({.columns = {"seconds"}, .values = {1}}), IsEmpty());
  const Series huge = throughput_of(samples({0, 1e-5, 1.7e308}));
  EXPECT_THAT(huge, ElementsAre(Is(0., 1e-5, kNoFigure)));
}

TEST(PlotSeries, LatencyHasGaps) {
  EXPECT_THAT(latency_of(samples({5, 1, 0, kNoFigure, 2, 0, 7, 3, 0})),
              ElementsAre(Is(0., 1., 5.), Is(1., 2., kNoFigure), Is(2., 3., 7.)));
}

TEST(PlotSeries, SlicesKeepTheSumAndTheHighest) {
  const Series series = {{0, 1, 10}, {1, 3, 40}, {3, 4, kNoFigure}, {4, 5, 20}};
  EXPECT_THAT(in_slices(series, 6, 3, Fold::kMean), ElementsAre(25, 40, 20));
  EXPECT_THAT(in_slices(series, 6, 3, Fold::kMax), ElementsAre(40, 40, 20));
  const auto fine = in_slices(series, 6, 6, Fold::kMean);
  EXPECT_THAT(fine, ElementsAre(10, 40, 40, NanSensitiveDoubleEq(kNoFigure), 20, NanSensitiveDoubleEq(kNoFigure)));
  EXPECT_THAT(thinned(series, 4, Fold::kMean), testing::SizeIs(4));
  EXPECT_EQ(thinned(series, 2, Fold::kMax).back().value, 40);
  EXPECT_EQ(end_of(thinned(series, 2, Fold::kMax)), 5);
}

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> result;
  for (std::size_t tick = 0; tick <= axis.ticks(); ++tick) result.push_back(axis.label(tick) + " " + axis.unit_name);
  return result;
}

TEST(PlotSeries, AxesOfValues) {
  EXPECT_THAT(labels(value_axis(150 * 1048576.0, Measure::kBytesPerSecond)),
              ElementsAre("0 MiB/s", "50 MiB/s", "100 MiB/s", "150 MiB/s"));
  EXPECT_THAT(labels(value_axis(1500, Measure::kBytesPerSecond)),
              ElementsAre("0.0 KiB/s", "0.5 KiB/s", "1.0 KiB/s", "1.5 KiB/s"));
  EXPECT_THAT(labels(value_axis(0, Measure::kBytesPerSecond)), ElementsAre("0 B/s", "1 B/s"));
  EXPECT_THAT(labels(value_axis(0.3, Measure::kMilliseconds)), ElementsAre("0.0 ms", "0.1 ms", "0.2 ms", "0.3 ms"));
  EXPECT_THAT(labels(value_axis(2500, Measure::kMilliseconds)), ElementsAre("0 s", "1 s", "2 s", "3 s"));
  EXPECT_EQ(value_axis(2500, Measure::kMilliseconds).height(1500), 0.5);
  for (const double extreme : {1e-320, 1e-9, 1e300, 1.7e308}) {
    const Axis axis = value_axis(extreme, Measure::kMilliseconds);
    EXPECT_LE(axis.ticks(), 20U);
    EXPECT_LT(axis.label(axis.ticks()).size(), 10U);
  }
}

TEST(PlotSeries, AxesOfTime) {
  EXPECT_THAT(labels(time_axis(60, 5)), ElementsAre("0 s", "15 s", "30 s", "45 s", "60 s"));
  EXPECT_THAT(labels(time_axis(0.4, 5)), ElementsAre("0.0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s"));
  EXPECT_THAT(labels(time_axis(3700, 5)), ElementsAre("0 min", "20 min", "40 min", "60 min"));
  EXPECT_THAT(labels(time_axis(9 * 3600, 5)), ElementsAre("0 h", "2 h", "4 h", "6 h", "8 h"));
  EXPECT_THAT(labels(time_axis(86'400 * 10, 5)), ElementsAre("0 d", "2 d", "4 d", "6 d", "8 d", "10 d"));
  for (const double extreme : {1e-6, 1e300}) EXPECT_LE(time_axis(extreme, 5).ticks(), 20U);
}

}  // namespace
}  // namespace freightliner::cli
