#include "cli/exit_watchdog.h"

#include <gtest/gtest.h>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using std::chrono::milliseconds;

TEST(ExitWatchdog, LetsARunEndByItself) {
  CapturedTerminal captured;
  std::stop_source source;
  {
    const ExitWatchdog watchdog(
        source.get_token(), milliseconds(60'000), [] { return 7; }, captured.terminal);
    source.request_stop();
  }
  {
    const ExitWatchdog late(
        source.get_token(), milliseconds(60'000), [] { return 7; }, captured.terminal);
  }
  EXPECT_EQ(captured.error.take(), "");
}

TEST(ExitWatchdog, NothingHappensWithoutAStop) {
  CapturedTerminal captured;
  const std::stop_source source;
  {
    const ExitWatchdog watchdog(
        source.get_token(), milliseconds(1), [] { return 7; }, captured.terminal);
  }
  EXPECT_EQ(captured.error.take(), "");
}

TEST(ExitWatchdogDeathTest, EndsARunThatDoesNot) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Terminal terminal(1, 2, environment_of({}));
        std::stop_source source;
        const ExitWatchdog watchdog(
            source.get_token(), milliseconds(50), [] { return 143; }, terminal);
        source.request_stop();
        for (;;) ::pause();
      },
      ::testing::ExitedWithCode(143), "clean-up took longer than 50 ms");
}

}  // namespace
}  // namespace freightliner::cli
