#include "freightliner/runtime/performance_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <semaphore>

#include "freightliner/base/bytes.h"
#include "freightliner/runtime/metrics_text.h"

namespace freightliner::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PerformanceSnapshot with_heads(int count, std::chrono::milliseconds each, int failed = 0) {
  PerformanceMonitor monitor;
  for (int i = 0; i < count; ++i) monitor.record(Operation::kHead, each, {.failed = i < failed});
  PerformanceSnapshot snapshot = monitor.snapshot();
  snapshot.system.peak_rss_bytes = 100 * kMiB;
  return snapshot;
}

std::optional<Alert> judge(const std::string& rule, const PerformanceSnapshot& snapshot,
                           const AlertRule::Moment& moment = {.at_end = true}) {
  const auto parsed = AlertRule::parse(rule);
  EXPECT_TRUE(parsed) << rule;
  return parsed->judge(snapshot, moment);
}

TEST(AlertRuleTest, Thresholds) {
  const PerformanceSnapshot snapshot = with_heads(40, std::chrono::milliseconds(100), 2);
  const auto memory = judge("rss>99MiB", snapshot, {.elapsed = Duration(1'500)});
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->alert, "rss>99MiB");
  EXPECT_EQ(memory->value, 100.0 * kMiB);
  EXPECT_EQ(memory->seconds, 1.5);
  EXPECT_EQ(memory->message, "alert rss>99MiB: the process had 100.0 MiB of memory");
  EXPECT_FALSE(judge("rss>100MiB", snapshot));
  EXPECT_TRUE(judge("max:head>99ms", snapshot));
  EXPECT_FALSE(judge("max:head>100ms", snapshot));
  EXPECT_NEAR(judge("p50:head>90ms", snapshot)->value, 100, 100.0 / 32);
  EXPECT_FALSE(judge("p99:mount>0ms", snapshot)) << "there was none";
  EXPECT_EQ(judge("error-rate>4.9%", snapshot)->value, 5.0);
  EXPECT_FALSE(judge("error-rate>5%", snapshot));
}

TEST(AlertRuleTest, SharesWaitForEnoughOperations) {
  const PerformanceSnapshot few = with_heads(19, std::chrono::milliseconds(100), 19);
  EXPECT_FALSE(judge("error-rate>5%", few, {}));
  EXPECT_FALSE(judge("p99:head>1ms", few, {}));
  EXPECT_TRUE(judge("error-rate>5%", few));
  EXPECT_TRUE(judge("p99:head>1ms", few));
  EXPECT_TRUE(judge("error-rate>5%", with_heads(20, std::chrono::milliseconds(100), 20), {}));
}

TEST(AlertRuleTest, Throughput) {
  const PerformanceSnapshot snapshot = with_heads(0, {});
  const AlertRule::Moment slow{.bytes_moved = 10 * kMiB, .elapsed = Duration(20'000)};
  EXPECT_EQ(judge("throughput<1MiB", snapshot, slow)->value, 0.5 * kMiB);
  EXPECT_TRUE(judge("throughput<1MiB/s", snapshot, slow));
  EXPECT_FALSE(judge("throughput<512KiB", snapshot, slow));
  EXPECT_FALSE(judge("throughput<1MiB", snapshot, {.bytes_moved = 1, .elapsed = Duration(9'000)})) << "too early";
  EXPECT_TRUE(judge("throughput<1MiB", snapshot, {.bytes_moved = 1, .elapsed = Duration(9'000), .at_end = true}));
  EXPECT_FALSE(judge("throughput<1MiB", snapshot, {.elapsed = Duration(20'000), .at_end = true})) << "nothing to do";
}

TEST(AlertRuleTest, WhatCantBeRead) {
  struct Case {
    std::string text;
    std::string part;
  };
  for (const Case& c : {
           Case{"rss", "compares nothing"},
           Case{"", "compares nothing"},
           Case{"rss<5MiB", "\"rss\" is watched with >"},
           Case{"throughput>5MiB", "\"throughput\" is watched with <"},
           Case{"rss>many", "\"many\" is not a size"},
           Case{"rss>", "is not a size"},
           Case{"error-rate>5", "\"5\" is no share"},
           Case{"error-rate>101%", "is no share"},
           Case{"error-rate>-1%", "is no share"},
           Case{"heap>5MiB", "\"heap\" is nothing that is watched"},
           Case{"p95:head>1s", "\"p95:head\" is nothing that is watched"},
           Case{"p99>1s", "\"p99\" is nothing that is watched"},
           Case{"p99:heads>1s", "no operation \"heads\"; there are blob_copy, recompress, head,"},
           Case{"p99:head>soon", "\"soon\""},
           Case{"p99:head>1s>2s", "1s>2s"},
       }) {
    const auto rule = AlertRule::parse(c.text);
    ASSERT_FALSE(rule) << c.text;
    EXPECT_EQ(rule.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(rule.error().describe(), HasSubstr(c.part));
  }
}

TEST(SampleSeriesTest, StaysSmallAndEven) {
  SampleSeries series(Duration(1'000), 6);
  for (int i = 0; i < 100; ++i) {
    series.offer({.seconds = static_cast<double>(i)});
    ASSERT_LE(series.rows().size(), 6U);
  }
  series.close({.seconds = 99.5});
  ASSERT_GE(series.rows().size(), 4U);
  const double step = static_cast<double>(series.interval().count()) / 1000;
  EXPECT_EQ(step, 32);
  for (std::size_t i = 0; i + 1 < series.rows().size(); ++i)
    EXPECT_EQ(series.rows()[i].seconds, step * static_cast<double>(i));
  EXPECT_EQ(series.rows().back().seconds, 99.5);
}

TEST(PerformanceSamplerTest, TellsOfEachAlertOnceAndEndsWithTheEnd) {
  PerformanceMonitor monitor;
  Progress progress;
  progress.bytes_moved = 1'000;
  progress.retries = 2;
  std::counting_semaphore<> looks(0);
  std::vector<std::string> told;
  PerformanceSampler sampler(monitor, progress,
                             {.interval = Duration(1),
                              .rules = {*AlertRule::parse("rss>1B"), *AlertRule::parse("max:head>1s")},
                              .on_look = [&](const PerformanceSampler::Look&) { looks.release(); },
                              .on_alert = [&](const Alert& alert) { told.push_back(alert.alert); }});
  for (int i = 0; i < 3; ++i) looks.acquire();
  progress.bytes_moved = 5'000;
  progress.retries = 5;
  monitor.record(Operation::kHead, std::chrono::seconds(3), {});
  monitor.record(Operation::kBlobCopy, std::chrono::milliseconds(8), {});
  const PerformanceRecord record = sampler.finish();
  EXPECT_EQ(told, (std::vector<std::string>{"rss>1B", "max:head>1s"}));
  EXPECT_EQ(record.alerts.size(), 2U);
  EXPECT_EQ(record.retries, 3U);
  ASSERT_GE(record.series.rows().size(), 3U);
  const PerformanceSample& last = record.series.rows().back();
  EXPECT_EQ(last.bytes_moved, 4'000U) << "since the run began";
  EXPECT_NEAR(last.blob_p99_ms, 8, 8.0 / 32);
  EXPECT_GT(last.rss_bytes, kMiB);
  EXPECT_EQ(record.end.of(Operation::kHead).latency.count(), 1U);
}

TEST(MetricsTextTest, HasEverySeriesFromTheBeginning) {
  PerformanceMonitor monitor;
  PerformanceSnapshot snapshot = monitor.snapshot();
  const std::string text = metrics_text(snapshot, {.run = "r", .version = "1.0", .command = "copy"});
  for (const Operation operation : all_operations()) {
    EXPECT_THAT(text,
                HasSubstr(fmt::format("freightliner_operation_duration_seconds_count{{run=\"r\",operation=\"{}\"}} 0\n",
                                      to_string(operation))));
  }
  EXPECT_THAT(text, HasSubstr("freightliner_run_finished{run=\"r\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("freightliner_run_exit_code")));
  EXPECT_THAT(text, Not(HasSubstr("freightliner_host_")));
  EXPECT_TRUE(text.ends_with('\n'));
}

TEST(MetricsTextTest, Values) {
  PerformanceMonitor monitor;
  monitor.record(Operation::kHead, std::chrono::milliseconds(3), {.failed = true, .bytes = 12});
  monitor.record(Operation::kHead, std::chrono::seconds(1000), {.items = 1});
  PerformanceSnapshot snapshot = monitor.snapshot();
  snapshot.hosts = {{.host = "a\"b\\c\nd", .requests = 4, .throttled = 1, .waits = {1, Duration(250)}}};
  snapshot.memory.waits = 2;
  snapshot.memory.waited = Duration(1'500);
  const std::string text =
      metrics_text(snapshot, {.run = "r", .command = "sync", .started = 1700000000.5, .retries = 3, .exit_code = 15});
  for (const char* line : {
           "freightliner_operation_duration_seconds_bucket{run=\"r\",operation=\"head\",le=\"0.002097152\"} 0\n",
           "freightliner_operation_duration_seconds_bucket{run=\"r\",operation=\"head\",le=\"0.004194304\"} 1\n",
           "freightliner_operation_duration_seconds_bucket{run=\"r\",operation=\"head\",le=\"274.877906944\"} 1\n",
           "freightliner_operation_duration_seconds_bucket{run=\"r\",operation=\"head\",le=\"+Inf\"} 2\n",
           "freightliner_operation_duration_seconds_sum{run=\"r\",operation=\"head\"} 1000.003\n",
           "freightliner_operation_errors_total{run=\"r\",operation=\"head\"} 1\n",
           "freightliner_operation_bytes_total{run=\"r\",operation=\"head\"} 12\n",
           "freightliner_host_requests_total{run=\"r\",host=\"a\\\"b\\\\c\\nd\"} 4\n",
           "freightliner_wait_seconds_total{run=\"r\",reason=\"rate_limit\"} 0.25\n",
           "freightliner_wait_seconds_total{run=\"r\",reason=\"memory\"} 1.5\n",
           "freightliner_run_start_time_seconds{run=\"r\"} 1700000000.5\n",
           "freightliner_run_finished{run=\"r\"} 1\n",
           "freightliner_run_exit_code{run=\"r\"} 15\n",
           "freightliner_retries_total{run=\"r\"} 3\n",
           "# TYPE freightliner_operation_duration_seconds histogram\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace freightliner::runtime
