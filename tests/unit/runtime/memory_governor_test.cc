#include "freightliner/runtime/memory_governor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "runtime/fake_system.h"
#include "runtime/memory_ladder.h"
#include "support/manual_clock.h"

namespace freightliner::runtime {
namespace {

using Reservation = MemoryGovernor::Reservation;

constexpr std::uint64_t kBudget = 124 * kMiB;  // 100 beside the base, of which 80 are for transfers
constexpr std::size_t kCap = 16 * kMiB;

class MemoryGovernorTest : public ::testing::Test {
 protected:
  MemoryGovernorTest() { use(14); }

  MemoryGovernor& governor(std::uint64_t budget = kBudget) {
    governor_.reset();
    governor_ = std::make_unique<MemoryGovernor>(pool_, clock_,
                                                 MemoryGovernor::Options{.budget = {budget, BudgetSource::kOption},
                                                                         .retained_cap = kCap,
                                                                         .root = system_.root(),
                                                                         .interval = Duration(0)});
    return *governor_;
  }
  /// The process has so many percent of the budget.
  void use(std::uint64_t percent) const { system_.set_resident((kBudget * percent + 99) / 100); }
  MemoryLevel level_at(std::uint64_t percent) {
    use(percent);
    governor_->sample();
    return governor_->statistics().level;
  }
  static void wait_for_waiting(const MemoryGovernor& governor, std::uint64_t count) {
    while (governor.statistics().waiting != count) std::this_thread::yield();
  }

  const test::FakeSystem system_;
  test::ManualClock clock_;
  io::BufferPool pool_;
  std::unique_ptr<MemoryGovernor> governor_;
  std::stop_source stop_;
};

TEST_F(MemoryGovernorTest, LevelsFollowTheResidentSizeWithHysteresis) {
  governor();
  struct Step {
    std::uint64_t percent;
    MemoryLevel level;
  };
  for (const Step& step : {
           Step{14, MemoryLevel::kRelaxed},
           Step{19, MemoryLevel::kRelaxed},
           Step{20, MemoryLevel::kLinear},
           Step{16, MemoryLevel::kLinear},
           Step{14, MemoryLevel::kRelaxed},
           Step{79, MemoryLevel::kLinear},
           Step{80, MemoryLevel::kTight},
           Step{76, MemoryLevel::kTight},
           Step{89, MemoryLevel::kTight},
           Step{90, MemoryLevel::kFull},
           Step{86, MemoryLevel::kFull},
           Step{84, MemoryLevel::kTight},
           Step{74, MemoryLevel::kLinear},
           Step{95, MemoryLevel::kFull},
           Step{10, MemoryLevel::kRelaxed},
       }) {
    EXPECT_EQ(level_at(step.percent), step.level) << step.percent << " %";
  }
  const auto statistics = governor_->statistics();
  EXPECT_EQ(statistics.samples, 15U);
  EXPECT_EQ(statistics.transition_count, 9U);
  ASSERT_EQ(statistics.transitions.size(), 9U);
  EXPECT_EQ(statistics.transitions.front().to, MemoryLevel::kLinear);
  EXPECT_NEAR(static_cast<double>(statistics.transitions.front().resident_bytes), 0.2 * kBudget, kMiB);
  EXPECT_EQ(statistics.transitions.back().from, MemoryLevel::kFull);
  EXPECT_EQ(statistics.transitions.back().to, MemoryLevel::kRelaxed);
  EXPECT_EQ(statistics.trims, 3U);
  EXPECT_NEAR(static_cast<double>(statistics.resident_high_water_bytes), 0.95 * kBudget, kMiB);
}

TEST_F(MemoryGovernorTest, KeepsTheLastHundredTransitions) {
  governor();
  for (int i = 0; i < 120; ++i) {
    level_at(50);
    level_at(10);
  }
  const auto statistics = governor_->statistics();
  EXPECT_EQ(statistics.transition_count, 240U);
  EXPECT_EQ(statistics.transitions.size(), 100U);
}

TEST_F(MemoryGovernorTest, LevelsFollowPressureAsWell) {
  governor();
  struct Step {
    const char* stalled;
    MemoryLevel level;
  };
  for (const Step& step :
       {Step{"9.90", MemoryLevel::kRelaxed}, Step{"10.00", MemoryLevel::kTight}, Step{"6.00", MemoryLevel::kTight},
        Step{"41.00", MemoryLevel::kFull}, Step{"21.00", MemoryLevel::kFull}, Step{"19.00", MemoryLevel::kTight},
        Step{"4.00", MemoryLevel::kRelaxed}}) {
    system_.set_stalled(step.stalled);
    EXPECT_EQ(level_at(10), step.level) << step.stalled;
  }
}

TEST_F(MemoryGovernorTest, ThePoolKeepsLessAsMemoryGetsShort) {
  governor();
  EXPECT_EQ(pool_.statistics().retained_cap, kCap);
  std::uint64_t before = kCap;
  for (const std::uint64_t percent : {10, 21, 35, 50, 65, 79}) {
    level_at(percent);
    const auto cap = pool_.statistics().retained_cap;
    EXPECT_LE(cap, before) << percent;
    EXPECT_EQ(cap, governor_->statistics().retained_cap_bytes);
    before = cap;
  }
  EXPECT_EQ(before, kCap / 16);
  level_at(50);
  EXPECT_EQ(pool_.statistics().retained_cap, kCap / 2);
  level_at(10);
  EXPECT_EQ(pool_.statistics().retained_cap, kCap);
}

TEST_F(MemoryGovernorTest, TheCapDoesNotFlapWithAFewPages) {
  governor();
  level_at(52);
  const auto cap = pool_.statistics().retained_cap;
  for (int i = 0; i < 4; ++i) {
    level_at(50);
    EXPECT_EQ(pool_.statistics().retained_cap, cap);
    level_at(52);
  }
}

TEST_F(MemoryGovernorTest, TrimsWhatThePoolKept) {
  governor();
  pool_.acquire(4 * kMiB).reset();
  pool_.acquire(64 * kKiB).reset();
  EXPECT_EQ(pool_.statistics().bytes_retained, 4 * kMiB + 64 * kKiB);
  EXPECT_EQ(level_at(81), MemoryLevel::kTight);
  EXPECT_EQ(pool_.statistics().bytes_retained, 0U);
  EXPECT_EQ(governor_->statistics().trims, 1U);
}

TEST_F(MemoryGovernorTest, BoundsWhatIsInFlight) {
  governor();
  const std::uint64_t queue = 10 * kMiB;
  std::vector<Reservation> held;
  for (int i = 0; i < 7; ++i) held.push_back(*governor_->reserve({queue, kMiB}, stop_.get_token()));
  auto statistics = governor_->statistics();
  EXPECT_EQ(statistics.reservable_bytes, 80 * kMiB);
  EXPECT_EQ(statistics.reserved_bytes, 7 * (queue + kTransferOverhead));
  EXPECT_EQ(statistics.in_flight, 7U);
  EXPECT_EQ(statistics.waits, 0U);

  std::atomic<bool> admitted{false};
  std::jthread next([&] {
    const auto reservation = governor_->reserve({queue, kMiB}, stop_.get_token());
    admitted = reservation && reservation->bytes() == queue;
  });
  wait_for_waiting(*governor_, 1);
  clock_.advance(Duration(250));
  EXPECT_FALSE(admitted);
  held.pop_back();
  next.join();
  EXPECT_TRUE(admitted);
  held.clear();
  statistics = governor_->statistics();
  EXPECT_EQ(statistics.reserved_bytes, 0U);
  EXPECT_EQ(statistics.in_flight, 0U);
  EXPECT_EQ(statistics.reservations, 8U);
  EXPECT_EQ(statistics.waits, 1U);
  EXPECT_EQ(statistics.waited, Duration(250));
  EXPECT_EQ(statistics.reserved_high_water_bytes, 7 * (queue + kTransferOverhead));
}

TEST_F(MemoryGovernorTest, FirstComeFirstServed) {
  governor();
  auto large = governor_->reserve({70 * kMiB, kMiB}, stop_.get_token());
  ASSERT_TRUE(large);
  std::vector<int> order;  // guarded by the governor: only one fits at a time
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 5; ++i) {
    // The last ones would fit beside the large one, but came later.
    const std::uint64_t wanted = i < 3 ? 60 * kMiB : 60 * kMiB - static_cast<std::uint64_t>(i) * kMiB;
    waiting.emplace_back([&, i, wanted] {
      const auto reservation = governor_->reserve({wanted, kMiB}, stop_.get_token());
      order.push_back(i);
    });
    wait_for_waiting(*governor_, static_cast<std::uint64_t>(i) + 1);
  }
  std::atomic<bool> small_in{false};
  std::jthread small([&] {
    const auto reservation = governor_->reserve({kMiB, kMiB}, stop_.get_token());
    small_in = true;
  });
  wait_for_waiting(*governor_, 6);
  EXPECT_FALSE(small_in);  // 70 + 1 fit into 80, but it is not its turn
  { const auto given_back = *std::move(large); }
  waiting.clear();
  small.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(MemoryGovernorTest, OneAlwaysProceeds) {
  // Smaller than the base; full from the start.
  governor(kMiB);
  system_.set_resident(80 * kMiB);
  {
    const auto reservation = governor_->reserve({8 * kMiB, 48 * kKiB}, stop_.get_token());
    ASSERT_TRUE(reservation);
    EXPECT_EQ(reservation->bytes(), 48 * kKiB);
    EXPECT_EQ(governor_->statistics().level, MemoryLevel::kFull);
  }
  // Many in turn, none lost.
  std::atomic<int> done{0};
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto reservation = governor_->reserve({8 * kMiB, 48 * kKiB}, stop_.get_token());
        if (!reservation) return;
        most = std::max(most.load(), ++at_once);
        std::this_thread::yield();
        --at_once;
        ++done;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(done, 16 * 20);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(governor_->statistics().shrunk, 321U);
}

TEST_F(MemoryGovernorTest, SmallerQueuesWhenTight) {
  governor();
  struct Case {
    MemoryGovernor::Demand demand;
    std::uint64_t relaxed;
    std::uint64_t tight;
  };
  for (const Case& c :
       {Case{{256 * kKiB, 48 * kKiB}, 256 * kKiB, 64 * kKiB}, Case{{128 * kKiB, 48 * kKiB}, 128 * kKiB, 48 * kKiB},
        Case{{200 * kMiB, 48 * kKiB}, 80 * kMiB - kTransferOverhead, (80 * kMiB - kTransferOverhead) / 4}}) {
    ASSERT_EQ(level_at(10), MemoryLevel::kRelaxed);
    EXPECT_EQ(governor_->reserve(c.demand, stop_.get_token())->bytes(), c.relaxed);
    ASSERT_EQ(level_at(81), MemoryLevel::kTight);
    EXPECT_EQ(governor_->reserve(c.demand, stop_.get_token())->bytes(), c.tight);
  }
}

TEST_F(MemoryGovernorTest, NoneBeginsWhenFullUntilItIsNot) {
  governor();
  auto first = governor_->reserve({kMiB, kMiB}, stop_.get_token());
  ASSERT_TRUE(first);
  EXPECT_EQ(level_at(91), MemoryLevel::kFull);
  std::atomic<bool> admitted{false};
  std::jthread second([&] { admitted = governor_->reserve({kMiB, kMiB}, stop_.get_token()).has_value(); });
  wait_for_waiting(*governor_, 1);
  EXPECT_FALSE(admitted);
  EXPECT_EQ(level_at(50), MemoryLevel::kLinear);
  second.join();
  EXPECT_TRUE(admitted);
}

TEST_F(MemoryGovernorTest, AWaitEndsWithTheRunAndLetsTheNextOneIn) {
  governor();
  const auto held = governor_->reserve({60 * kMiB, kMiB}, stop_.get_token());
  std::optional<ErrorCode> code;
  std::jthread cancelled([&] {
    const auto reservation = governor_->reserve({60 * kMiB, kMiB}, stop_.get_token());
    if (!reservation) code = reservation.error().code();
  });
  wait_for_waiting(*governor_, 1);
  bool admitted = false;
  std::stop_source other;
  std::jthread behind([&] { admitted = governor_->reserve({kMiB, kMiB}, other.get_token()).has_value(); });
  wait_for_waiting(*governor_, 2);
  stop_.request_stop();
  cancelled.join();
  behind.join();
  EXPECT_EQ(code, ErrorCode::kCancelled);
  EXPECT_TRUE(admitted);
  EXPECT_EQ(governor_->statistics().waiting, 0U);
}

TEST_F(MemoryGovernorTest, TheTickerLooksWhileTransfersRun) {
  MemoryGovernor ticking(pool_, clock_,
                         {.budget = {kBudget, BudgetSource::kOption},
                          .retained_cap = kCap,
                          .root = system_.root(),
                          .interval = Duration(1)});
  EXPECT_EQ(ticking.statistics().samples, 0U);
  const auto reservation = ticking.reserve({kMiB, kMiB}, stop_.get_token());
  use(95);
  while (ticking.statistics().level != MemoryLevel::kFull) std::this_thread::yield();
  use(10);
  while (ticking.statistics().level != MemoryLevel::kRelaxed) std::this_thread::yield();
  EXPECT_GE(ticking.statistics().samples, 3U);
}

TEST_F(MemoryGovernorTest, ManyThreadsAddUp) {
  MemoryGovernor busy(pool_, clock_,
                      {.budget = {64 * kMiB, BudgetSource::kOption},
                       .retained_cap = kCap,
                       .root = system_.root(),
                       .interval = Duration(1)});
  std::vector<std::jthread> threads;
  std::atomic<std::uint64_t> in_use{0};
  std::atomic<bool> over{false};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        use(static_cast<std::uint64_t>((i * 7 + round * 13) % 80));
        const auto reservation =
            busy.reserve({(1 + static_cast<std::uint64_t>(round) % 8) * kMiB, kMiB}, stop_.get_token());
        const std::uint64_t now = in_use += reservation->bytes() + kTransferOverhead;
        if (now > 32 * kMiB) over = true;
        in_use -= reservation->bytes() + kTransferOverhead;
      }
    });
  }
  threads.clear();
  const auto statistics = busy.statistics();
  EXPECT_FALSE(over);
  EXPECT_EQ(statistics.reservations, 16U * 50);
  EXPECT_EQ(statistics.reserved_bytes, 0U);
  EXPECT_EQ(statistics.in_flight, 0U);
  EXPECT_EQ(statistics.waiting, 0U);
}

TEST(MemoryNames, OfLevelsAndSources) {
  EXPECT_EQ(to_string(MemoryLevel::kRelaxed), "relaxed");
  EXPECT_EQ(to_string(MemoryLevel::kLinear), "linear");
  EXPECT_EQ(to_string(MemoryLevel::kTight), "tight");
  EXPECT_EQ(to_string(MemoryLevel::kFull), "full");
  EXPECT_EQ(to_string(BudgetSource::kOption), "--max-memory");
  EXPECT_EQ(to_string(BudgetSource::kCgroupV1), "cgroup v1 limit");
  EXPECT_EQ(to_string(BudgetSource::kCgroupV2), "cgroup v2 limit");
  EXPECT_EQ(to_string(BudgetSource::kPhysicalMemory), "physical memory");
}

}  // namespace
}  // namespace freightliner::runtime
