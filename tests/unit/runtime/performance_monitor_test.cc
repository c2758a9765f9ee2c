#include "freightliner/runtime/performance_monitor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "support/thread_allocations.h"

namespace freightliner::runtime {
namespace {

using std::chrono::nanoseconds;

std::uint64_t number(nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

TEST(LatencyHistogramTest, BucketsFollowOneAnother) {
  for (std::size_t bucket = 0; bucket + 1 < LatencyHistogram::kBuckets; ++bucket) {
    const std::uint64_t low = LatencyHistogram::lower_bound(bucket);
    const std::uint64_t next = LatencyHistogram::lower_bound(bucket + 1);
    ASSERT_LT(low, next);
    ASSERT_EQ(LatencyHistogram::bucket_of(low), bucket);
    ASSERT_EQ(LatencyHistogram::bucket_of(next - 1), bucket);
    ASSERT_LE(next - low, std::max<std::uint64_t>(low / LatencyHistogram::kSubBuckets, 1));
  }
  EXPECT_EQ(LatencyHistogram::bucket_of(~std::uint64_t{0}), LatencyHistogram::kBuckets - 1);
}

TEST(LatencyHistogramTest, QuantilesAreThoseOfASortedVector) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latencies(14, 3);  // around a millisecond, far to both sides
  LatencyHistogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(std::min(latencies(random), 1e13)));
    histogram.record(nanoseconds(values.back()));
  }
  std::ranges::sort(values);
  const LatencySnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count(), values.size());
  EXPECT_EQ(number(snapshot.max()), values.back());
  EXPECT_EQ(number(snapshot.total()), std::accumulate(values.begin(), values.end(), std::uint64_t{0}));
  for (const double share : {0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(number(snapshot.quantile(share))), exact, exact / 32 + 1) << share;
  }
  for (const int exponent : {4, 10, 20, 30, 40}) {
    const auto bound = std::uint64_t{1} << exponent;
    EXPECT_EQ(snapshot.count_below_power_of_two(exponent), std::ranges::lower_bound(values, bound) - values.begin());
  }
}

TEST(LatencyHistogramTest, NothingAndTooMuch) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.snapshot().quantile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.snapshot().count(), 0U);
  histogram.record(nanoseconds(-5));
  histogram.record(std::chrono::hours(100));
  const LatencySnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count(), 2U);
  EXPECT_EQ(snapshot.max(), std::chrono::hours(100));
  EXPECT_EQ(snapshot.quantile(0.5), nanoseconds(0));
  EXPECT_EQ(snapshot.count_below_power_of_two(40), 1U);
}

TEST(PerformanceMonitorTest, EveryOperationHasAName) {
  EXPECT_EQ(all_operations().size(), kOperations);
  for (const Operation operation : all_operations()) EXPECT_EQ(find_operation(to_string(operation)), operation);
  EXPECT_EQ(find_operation("blob"), Operation::kBlobCopy);
  EXPECT_EQ(find_operation("blobs"), std::nullopt);
}

TEST(PerformanceMonitorTest, SixteenThreadsAddUp) {
  constexpr std::uint64_t kThreads = 16;
  constexpr std::uint64_t kRecords = 5'000;
  PerformanceMonitor monitor;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&monitor, thread] {
        for (std::uint64_t i = 0; i < kRecords; ++i) {
          monitor.record(Operation::kHead, nanoseconds(1000 * thread + i),
                         {.failed = i % 10 == 0, .bytes = i, .items = 2});
          if (i % 100 == 0) monitor.snapshot();
        }
      });
    }
  }
  const PerformanceSnapshot snapshot = monitor.snapshot();
  const OperationStatistics& head = snapshot.of(Operation::kHead);
  EXPECT_EQ(head.latency.count(), kThreads * kRecords);
  EXPECT_EQ(head.errors, kThreads * kRecords / 10);
  EXPECT_EQ(head.bytes, kThreads * (kRecords * (kRecords - 1) / 2));
  EXPECT_EQ(head.items, kThreads * kRecords * 2);
  EXPECT_EQ(number(head.latency.max()), 1000 * (kThreads - 1) + kRecords - 1);
  EXPECT_EQ(snapshot.of(Operation::kMount).latency.count(), 0U);
}

TEST(PerformanceMonitorTest, RecordingAllocatesNothing) {
  PerformanceMonitor monitor;
  const std::uint64_t before = test::thread_allocations;
  for (int i = 0; i < 1000; ++i) {
    OperationTimer timer(monitor, Operation::kBlobCopy);
    timer.finish({.bytes = 5, .items = 1});
  }
  EXPECT_EQ(test::thread_allocations, before);
}

TEST(PerformanceMonitorTest, TimersCountWhatIsUnderWayAndHowItEnds) {
  PerformanceMonitor monitor;
  {
    OperationTimer done(monitor, Operation::kBlobCopy);
    const OperationTimer forgotten(monitor, Operation::kBlobCopy);
    OperationTimer stopped(monitor, Operation::kRecompress);
    EXPECT_EQ(monitor.snapshot().blobs_in_flight(), 3U);
    done.finish({.bytes = 7, .items = 1});
    stopped.fail(Error(ErrorCode::kCancelled, "stopped"));
    EXPECT_EQ(monitor.snapshot().blobs_in_flight(), 1U);
  }
  OperationTimer broken(monitor, Operation::kBlobCopy);
  broken.fail(Error(ErrorCode::kTemporary, "broken"));
  const PerformanceSnapshot snapshot = monitor.snapshot();
  EXPECT_EQ(snapshot.blobs_in_flight(), 0U);
  EXPECT_EQ(snapshot.of(Operation::kBlobCopy).latency.count(), 3U);
  EXPECT_EQ(snapshot.of(Operation::kBlobCopy).errors, 2U);
  EXPECT_EQ(snapshot.of(Operation::kBlobCopy).bytes, 7U);
  EXPECT_EQ(snapshot.of(Operation::kRecompress).latency.count(), 0U);
}

TEST(PerformanceMonitorTest, FiguresOfComponentsStayWhenTheyAreGone) {
  PerformanceMonitor monitor;
  std::uint64_t requests = 1;
  {
    const auto contribution = monitor.contribute([&](PerformanceSnapshot& snapshot) {
      snapshot.requests = requests;
      snapshot.hosts = {{.host = "a", .waits = {1, Duration(10)}}, {.host = "b", .waits = {2, Duration(5)}}};
    });
    EXPECT_EQ(monitor.snapshot().requests, 1U);
    requests = 9;
  }
  const PerformanceSnapshot snapshot = monitor.snapshot();
  EXPECT_EQ(snapshot.requests, 9U);
  EXPECT_EQ(snapshot.rate_limit().count, 3U);
  EXPECT_EQ(snapshot.rate_limit().time, Duration(15));
}

TEST(SystemUsageTest, IsThatOfThisProcess) {
  const auto block = std::make_unique<std::vector<char>>(8 * kMiB, 'x');
  const SystemUsage usage = read_system_usage();
  EXPECT_GT(usage.rss_bytes, 8 * kMiB);
  EXPECT_GE(usage.peak_rss_bytes, usage.rss_bytes);
  EXPECT_GE(usage.threads, 1U);
  EXPECT_GE(usage.open_descriptors, 3U);
  EXPECT_GT(usage.cpu_seconds(), 0.0);
  EXPECT_EQ(block->back(), 'x');
}

}  // namespace
}  // namespace freightliner::runtime
