#include "cli/stats_text.h"

#include <gtest/gtest.h>

namespace freightliner::cli {
namespace {

TEST(StatsText, ATableOfWhatTookPlaceAndALineForEachComponent) {
  runtime::PerformanceMonitor monitor;
  monitor.record(runtime::Operation::kBlobCopy, std::chrono::milliseconds(16), {.bytes = 1536, .items = 1});
  monitor.record(runtime::Operation::kHead, std::chrono::microseconds(250), {.failed = true});
  monitor.record(runtime::Operation::kToken, std::chrono::seconds(90), {.items = 1});
  runtime::PerformanceRecord record{.end = monitor.snapshot(), .alerts = {}};
  record.end.connections_opened = 3;
  record.end.requests = 40;
  const std::vector<std::string> lines = statistics_lines(record);
  ASSERT_GT(lines.size(), 4U);
  EXPECT_EQ(lines[0],
            "OPERATION         COUNT  ERRORS       BYTES     ITEMS        P50        P90        P99        MAX");
  EXPECT_EQ(lines[1],
            "blob_copy             1       0     1.5 KiB         1    16.0 ms    16.0 ms    16.0 ms    16.0 ms");
  EXPECT_EQ(lines[2],
            "head                  1       1         0 B         0     250 us     250 us     250 us     250 us");
  EXPECT_EQ(lines[3],
            "token                 1       0         0 B         1    90.00 s    90.00 s    90.00 s    90.00 s");
  EXPECT_EQ(lines[4], "connections     3 opened for 40 requests");
}

TEST(StatsText, ALineOnARunThatGoesOn) {
  runtime::PerformanceMonitor monitor;
  monitor.record(runtime::Operation::kBlobCopy, std::chrono::milliseconds(20), {.bytes = 5, .items = 1});
  monitor.record(runtime::Operation::kHead, std::chrono::milliseconds(1), {.failed = true});
  const runtime::PerformanceSnapshot snapshot = monitor.snapshot();
  const runtime::PerformanceSample sample{.seconds = 10, .bytes_moved = 20480, .rss_bytes = 1 << 20, .cpu_seconds = 2};
  EXPECT_EQ(
      report_line({snapshot, sample, 3}),
      "after 10.0 s: 20.0 KiB moved, 2.0 KiB/s; 1 blobs, half of them within 20.0 ms, 99 % within 20.0 ms, 0 under "
      "way; 1 errors, 3 retries; 1.0 MiB of memory, 2.0 s of processor time");
}

}  // namespace
}  // namespace freightliner::cli
