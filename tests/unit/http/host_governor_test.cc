#include "freightliner/http/host_governor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "support/manual_clock.h"

namespace freightliner::http {
namespace {

TEST(HostGovernor, APauseHoldsBackOneHostForItsTime) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  const std::stop_source stop;
  governor.pause("a", Duration(5'000));
  governor.pause("a", Duration(1'000));  // shorter: changes nothing
  ASSERT_TRUE(governor.wait_until_open("b", stop.get_token()));
  EXPECT_TRUE(clock.sleeps().empty());
  ASSERT_TRUE(governor.wait_until_open("a", stop.get_token()));
  EXPECT_EQ(clock.sleeps(), std::vector<Duration>{Duration(5'000)});
  ASSERT_TRUE(governor.wait_until_open("a", stop.get_token()));
  EXPECT_EQ(clock.sleeps().size(), 1U);
}

TEST(HostGovernor, CountsRequestsRefusalsAndWaits) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.max_requests = 4, .requests_per_second = {{"a", 10.0}}}, Logger());
  governor.enter("b", {})->answered(200);
  governor.enter("a", {})->answered(503);
  governor.pause("a", Duration(5'000));
  governor.enter("a", {})->answered(200);  // behind the pause, when its slot has come
  ASSERT_TRUE(governor.wait_until_open("a", {}));
  const auto statistics = governor.statistics();
  ASSERT_EQ(statistics.size(), 2U);
  EXPECT_EQ(statistics[0].host, "a");
  EXPECT_EQ(statistics[0].requests, 2U);
  EXPECT_EQ(statistics[0].throttled, 1U);
  EXPECT_EQ(statistics[0].waits.count, 1U);
  EXPECT_EQ(statistics[0].waits.time, Duration(5'000));
  EXPECT_EQ(statistics[1].waits.count, 0U);
}

TEST(HostGovernor, TellsTheShortestOfTheLastAnswersOfTheSlowestHost) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  const auto ask = [&](const std::string& host, int milliseconds, int times = 1) {
    for (int i = 0; i < times; ++i) {
      auto permit = governor.enter(host, {});
      clock.advance(Duration(milliseconds));
      permit->answered(200);
    }
  };
  ask("near", 300, 7);
  EXPECT_EQ(governor.answer_time(), Duration(0)) << "too few to tell";
  ask("near", 300);
  EXPECT_EQ(governor.answer_time(), Duration(300));
  ask("near", 1);
  EXPECT_EQ(governor.answer_time(), Duration(1));
  ask("far", 2);  // a quick refusal
  ask("far", 40, 7);
  ask("near", 300);
  EXPECT_EQ(governor.answer_time(), Duration(2));
  ask("far", 40, 32);
  EXPECT_EQ(governor.answer_time(), Duration(40)) << "what was long ago says nothing";
}

TEST(HostGovernor, KnowsWhetherAHostIsAskedWithoutRestraint) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.max_requests = 4, .requests_per_second = {{"slow", 1.0}}, .failures_to_open = 1},
                        Logger());
  EXPECT_TRUE(governor.is_unrestrained("a"));
  EXPECT_FALSE(governor.is_unrestrained("slow"));
  governor.pause("a", Duration(1'000));
  EXPECT_FALSE(governor.is_unrestrained("a"));
  clock.advance(Duration(1'000));
  EXPECT_TRUE(governor.is_unrestrained("a"));
  governor.enter("a", {})->answered(429);
  EXPECT_FALSE(governor.is_unrestrained("a"));
  governor.gave_up("b");
  clock.advance(Duration(60'000));
  EXPECT_FALSE(governor.is_unrestrained("b")) << "it has not answered since";
  governor.enter("b", {})->answered(200);
  EXPECT_TRUE(governor.is_unrestrained("b"));
  EXPECT_FALSE(HostGovernor(clock, {.max_requests = 1}, Logger()).is_unrestrained("a")) << "no room for another";
}

TEST(HostGovernor, ARequestThatWentOutBeforeIsTimedFromThen) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  const TimePoint begun = clock.now();
  clock.advance(Duration(30));
  for (int i = 0; i < 8; ++i) governor.enter("a", {}, begun)->answered(200);
  EXPECT_EQ(governor.answer_time(), Duration(30));
}

TEST(HostGovernor, AStopEndsTheWait) {
  test::ManualClock clock;
  HostGovernor governor(clock);
  std::stop_source stop;
  governor.pause("a", Duration(5'000));
  stop.request_stop();
  const Status status = governor.wait_until_open("a", stop.get_token());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), ErrorCode::kCancelled);
}

TEST(HostGovernor, ARefusalHalvesTheLimitOnceAndAnswersBringItBack) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.max_requests = 4}, Logger());
  {
    std::vector<HostGovernor::Permit> burst;
    for (int i = 0; i < 4; ++i) burst.push_back(*governor.enter("a", {}));
    for (HostGovernor::Permit& permit : burst) permit.answered(429);
  }
  std::stop_source stop;
  std::vector<HostGovernor::Permit> held;
  for (int i = 0; i < 2; ++i) held.push_back(*governor.enter("a", {}));
  std::jthread third([&] { EXPECT_FALSE(governor.enter("a", stop.get_token())); });  // there is room for two
  stop.request_stop();
  third.join();
  for (int i = 0; i < 20; ++i) held.front().answered(200);
  for (int i = 0; i < 2; ++i) held.push_back(*governor.enter("a", {}));
  EXPECT_EQ(held.size(), 4U);
}

/// Counts who has asked for the time: HostGovernor::enter() does, under its lock, before it waits.
class CountedClock : public Clock {
 public:
  TimePoint now() const override {
    ++asked_;
    return clock_.now();
  }
  std::chrono::system_clock::time_point wall_time() const override { return clock_.wall_time(); }
  bool sleep_for(Duration duration, const std::stop_token& stop) override { return clock_.sleep_for(duration, stop); }
  int asked() const noexcept { return asked_; }

 private:
  test::ManualClock clock_;
  mutable std::atomic<int> asked_ = 0;
};

TEST(HostGovernor, ThoseThatWaitGoInTheOrderInWhichTheyCame) {
  CountedClock clock;
  HostGovernor governor(clock, {.max_requests = 1}, Logger());
  std::optional first(*governor.enter("a", {}));
  std::vector<int> order;  // only one is let in at a time
  std::vector<std::jthread> waiting;
  for (int number = 0; number < 8; ++number) {
    const int before = clock.asked();
    waiting.emplace_back([&, number] {
      const auto permit = governor.enter("a", {});
      order.push_back(number);
    });
    while (clock.asked() == before) std::this_thread::yield();
    governor.statistics();  // takes the lock, so the thread waits by now
  }
  first.reset();
  waiting.clear();
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

/// Its first sleep lasts until it is stopped.
class LongFirstSleep final : public CountedClock {
 public:
  bool sleep_for(Duration duration, const std::stop_token& stop) override {
    if (sleeping_.exchange(true)) return CountedClock::sleep_for(duration, stop);
    while (!stop.stop_requested()) std::this_thread::yield();
    return false;
  }
  bool sleeping() const noexcept { return sleeping_; }

 private:
  std::atomic<bool> sleeping_ = false;
};

TEST(HostGovernor, WhoIsStoppedBeforeItsSlotMakesRoomForTheNext) {
  LongFirstSleep clock;
  HostGovernor governor(clock, {.max_requests = 1, .requests_per_second = {{"a", 1.0}}}, Logger());
  ASSERT_TRUE(governor.enter("a", {}));  // at once
  std::stop_source stop;
  std::stop_source too_long;
  std::jthread first([&] { EXPECT_FALSE(governor.enter("a", stop.get_token())); });
  while (!clock.sleeping()) std::this_thread::yield();
  const int before = clock.asked();
  auto second = std::async(std::launch::async, [&] { return governor.enter("a", too_long.get_token()).has_value(); });
  while (clock.asked() == before) std::this_thread::yield();
  governor.statistics();  // takes the lock, so the second one waits by now
  stop.request_stop();
  second.wait_for(std::chrono::seconds(60));
  too_long.request_stop();
  EXPECT_TRUE(second.get());
}

TEST(HostGovernor, RequestsPerSecondAreEvenlySpaced) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.max_requests = 4, .requests_per_second = {{"a", 10.0}}}, Logger());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(governor.enter("a", {}));
  EXPECT_EQ(clock.sleeps(), (std::vector<Duration>{Duration(100), Duration(100), Duration(100)}));
  ASSERT_TRUE(governor.enter("b", {}));
  EXPECT_EQ(clock.sleeps().size(), 3U);
}

TEST(HostGovernor, AHostThatKeepsFailingRestsThenCountsAsDown) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.failures_to_open = 2, .first_rest = Duration(1'000), .patient_rests = 2}, Logger());
  for (int i = 0; i < 2; ++i) governor.gave_up("a");
  ASSERT_TRUE(governor.enter("a", {}));
  EXPECT_EQ(clock.sleeps(), std::vector<Duration>{Duration(1'000)});
  governor.gave_up("a");
  ASSERT_TRUE(governor.enter("a", {}));
  EXPECT_EQ(clock.sleeps().back(), Duration(2'000));
  governor.gave_up("a");
  const auto refused = governor.enter("a", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), ErrorReason::kHostDown);
  EXPECT_FALSE(refused.error().retryable());
  ASSERT_TRUE(governor.enter("b", {}));  // others are not concerned
}

TEST(HostGovernor, AnAnswerEndsTheDistrust) {
  test::ManualClock clock;
  HostGovernor governor(clock, {.failures_to_open = 2, .patient_rests = 0}, Logger());
  governor.gave_up("a");
  governor.enter("a", {})->answered(404);
  governor.gave_up("a");
  ASSERT_TRUE(governor.enter("a", {}));
  governor.gave_up("a");
  EXPECT_FALSE(governor.enter("a", {}));
}

}  // namespace
}  // namespace freightliner::http
