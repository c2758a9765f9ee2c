#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "freightliner/base/defer.h"
#include "freightliner/base/guarded.h"
#include "freightliner/base/log.h"

namespace freightliner {
namespace {

TEST(DeferTest, RunsAtTheEndOfTheScopeInReverseOrder) {
  std::string order;
  {
    const Defer first([&] { order += '1'; });
    const Defer second([&] { order += '2'; });
    order += '0';
  }
  EXPECT_EQ(order, "021");
}

TEST(DeferTest, DismissedDoesNotRun) {
  int runs = 0;
  {
    Defer guard([&] { ++runs; });
    guard.dismiss();
  }
  EXPECT_EQ(runs, 0);
}

TEST(GuardedTest, ReturnsWhatTheFunctionReturns) {
  Guarded<std::string> text("a");
  text.with([](std::string& value) { value += 'b'; });
  EXPECT_EQ(text.with([](const std::string& value) { return value.size(); }), 2U);
  const Guarded<int> number(7);
  EXPECT_EQ(number.with([](int value) { return value; }), 7);
}

TEST(GuardedTest, ThreadsExcludeEachOther) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  Guarded<int> counter(0);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) counter.with([](int& value) { ++value; });
      });
    }
  }
  EXPECT_EQ(counter.with([](int value) { return value; }), kThreads * kRounds);
}

class ListSink final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view message) override { lines.emplace_back(message); }
  std::vector<std::string> lines;
};

TEST(LoggerTest, WritesFromItsThresholdOn) {
  ListSink sink;
  const Logger log(&sink, LogLevel::kInfo);
  log.debug("hidden {}", 1);
  log.info("shown {}", 2);
  log.warn("shown {}", 3);
  log.error("shown {}", 4);
  log.write(LogLevel::kDebug, "hidden");
  log.write(LogLevel::kError, "verbatim {}");
  EXPECT_EQ(sink.lines, (std::vector<std::string>{"shown 2", "shown 3", "shown 4", "verbatim {}"}));
  EXPECT_FALSE(log.enabled(LogLevel::kDebug));
}

TEST(LoggerTest, WithoutASinkNothingHappens) {
  const Logger log;
  log.error("lost {}", 1);
  EXPECT_FALSE(log.enabled(LogLevel::kError));
}

}  // namespace
}  // namespace freightliner
