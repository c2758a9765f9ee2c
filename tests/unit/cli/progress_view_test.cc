#include "cli/progress_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "cli/cli_fixture.h"
#include "freightliner/base/bytes.h"

namespace freightliner::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr ProgressReading kHalf = {.bytes_moved = 512 * kMiB,
                                   .bytes_done = 256 * kMiB,
                                   .bytes_total = kGiB,
                                   .blobs_done = 2,
                                   .blobs_total = 8,
                                   .retries = 0};

TEST(Progress, ShownBytesNeverExceedTheTotal) {
  EXPECT_EQ(kHalf.bytes_shown(), 512 * kMiB);
  EXPECT_EQ((ProgressReading{.bytes_moved = 10, .bytes_done = 70, .bytes_total = 100}).bytes_shown(), 70U);
  EXPECT_EQ((ProgressReading{.bytes_moved = 500, .bytes_done = 70, .bytes_total = 100}).bytes_shown(), 100U);
}

TEST(Progress, TheBarSaysWhatIsGoingOn) {
  EXPECT_EQ(progress_bar(kHalf, 64.0 * kMiB, 101, false),
            "[===================>                   ]  50% 512.0 MiB of 1.0 GiB  64.0 MiB/s  2/8 blobs  8 s left");
  EXPECT_THAT(progress_bar(kHalf, 64.0 * kMiB, 100, true), HasSubstr("\x1b[32m="));
  EXPECT_THAT(progress_bar(kHalf, 0, 100, false), Not(HasSubstr("left")));
  EXPECT_EQ(progress_bar({}, 0, 80, false), "preparing");
  ProgressReading tried = kHalf;
  tried.retries = 3;
  EXPECT_THAT(progress_bar(tried, 1.0, 120, false), HasSubstr("3 retries"));
}

TEST(Progress, TheBarFitsAnyWidth) {
  ProgressReading full = kHalf;
  full.bytes_done = full.bytes_total;
  full.blobs_done = full.blobs_total;
  for (const ProgressReading& reading : {ProgressReading{}, kHalf, full}) {
    for (int columns = 0; columns <= 300; ++columns) {
      const std::string bar = progress_bar(reading, 1e6, columns, false);
      EXPECT_LE(bar.size(), static_cast<std::size_t>(std::max(columns - 1, 0))) << columns;
    }
  }
}

TEST(Progress, EmptyBlobsCountAsDoneByNumber) {
  const ProgressReading none = {.blobs_done = 0, .blobs_total = 2};
  const ProgressReading all = {.blobs_done = 2, .blobs_total = 2};
  EXPECT_THAT(progress_bar(none, 0, 100, false), HasSubstr("  0%"));
  EXPECT_THAT(progress_bar(all, 0, 100, false), HasSubstr("100%"));
}

TEST(Progress, ThePlainLine) {
  EXPECT_EQ(progress_line(kHalf, 64.0 * kMiB, milliseconds(12'000)),
            "512.0 MiB of 1.0 GiB (50 %), 64.0 MiB/s, 2 of 8 blobs, 12.0 s");
  EXPECT_EQ(progress_line({}, 0, milliseconds(5000)), "preparing, 5.0 s");
}

TEST(Progress, TheLineOfAStream) {
  const ProgressReading reading = {.bytes_moved = 512 * kMiB, .tags_done = 12, .tags_total = 15};
  EXPECT_EQ(stream_progress_line(reading, 64.0 * kMiB, milliseconds(12'000)),
            "12 of 15 copies, 512.0 MiB, 64.0 MiB/s, 12.0 s");
  EXPECT_EQ(stream_progress_line({.tags_done = 15, .tags_total = 15}, 0, milliseconds(1)), "");
  EXPECT_EQ(stream_progress_line({}, 0, milliseconds(1)), "");
}

TEST(RateMeter, FollowsTheRateSmoothly) {
  RateMeter meter;
  const TimePoint start{};
  EXPECT_EQ(meter.update(start, 0), 0.0);
  EXPECT_DOUBLE_EQ(meter.update(start + milliseconds(1000), 1000), 1000.0);
  EXPECT_DOUBLE_EQ(meter.update(start + milliseconds(1000), 5000), 1000.0);  // no time has passed
  const double faster = meter.update(start + milliseconds(2000), 3000);
  EXPECT_GT(faster, 1000.0);
  EXPECT_LT(faster, 2000.0);
  double rate = faster;
  for (int i = 3; i < 40; ++i) rate = meter.update(start + milliseconds(1000 * i), 3000);
  EXPECT_LT(rate, 1.0);
}

TEST(ProgressMode, FollowsTheTerminal) {
  const CapturedTerminal captured;
  EXPECT_EQ(progress_mode("auto", captured.terminal), ProgressMode::kPlain);
  EXPECT_EQ(progress_mode("bar", captured.terminal), ProgressMode::kBar);
  EXPECT_EQ(progress_mode("plain", captured.terminal), ProgressMode::kPlain);
  EXPECT_EQ(progress_mode("none", captured.terminal), ProgressMode::kNone);
}

TEST(ProgressView, DrawsFromItsThreadAndCleansUp) {
  CapturedTerminal captured;
  runtime::Progress progress;
  progress.blobs_total = 4;
  progress.blobs_done = 1;
  const SystemClock clock;
  {
    const ProgressView view(ProgressMode::kBar, LogFormat::kText, progress, clock, captured.terminal);
    pollfd ready{captured.error.read_end(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
    EXPECT_THAT(captured.error.take(), HasSubstr("1/4 blobs"));
  }
  EXPECT_TRUE(captured.error.take().ends_with("\r\x1b[K"));
}

TEST(ProgressView, NoneIsSilent) {
  CapturedTerminal captured;
  const runtime::Progress progress;
  const SystemClock clock;
  { const ProgressView view(ProgressMode::kNone, LogFormat::kText, progress, clock, captured.terminal); }
  EXPECT_EQ(captured.error.take(), "");
}

}  // namespace
}  // namespace freightliner::cli
