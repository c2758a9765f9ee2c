#include "freightliner/copy/referrer_lists.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

TEST(ReferrerLists, OneAtATimeAddsAndTheNextKnowsIt) {
  constexpr int kThreads = 8;
  ReferrerLists lists;
  std::atomic<int> inside{0};
  std::atomic<int> faults{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      auto claim = lists.claim("a", "list", {});
      if (!claim || ++inside != 1) ++faults;
      std::this_thread::yield();
      claim->note_added(io::digest_of(std::to_string(t)));
      --inside;
    });
  }
  threads.clear();
  EXPECT_EQ(faults, 0);
  const auto claim = lists.claim("a", "list", {});
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->added().size(), kThreads);
}

TEST(ReferrerLists, OthersAreNotWaitedFor) {
  ReferrerLists lists;
  auto held = lists.claim("a", "list", {});
  ASSERT_TRUE(held);
  held->note_copied();
  const auto elsewhere = lists.claim("b", "list", {});
  ASSERT_TRUE(elsewhere);
  EXPECT_FALSE(elsewhere->is_copied());
  ASSERT_TRUE(lists.claim("a", "another", {}));
}

TEST(ReferrerLists, AStopEndsTheWait) {
  ReferrerLists lists;
  {
    const auto held = lists.claim("a", "list", {});
    ASSERT_TRUE(held);
    std::stop_source stop;
    std::jthread waiter([&] {
      const auto claim = lists.claim("a", "list", stop.get_token());
      ASSERT_FALSE(claim);
      EXPECT_EQ(claim.error().code(), ErrorCode::kCancelled);
    });
    stop.request_stop();
  }
  EXPECT_TRUE(lists.claim("a", "list", {}));
}

TEST(ReferrerLists, RemembersARunAndNothingElse) {
  for (const auto memory : {ReferrerLists::Memory::kRun, ReferrerLists::Memory::kNone}) {
    ReferrerLists lists(memory);
    {
      auto claim = lists.claim("a", "list", {});
      ASSERT_TRUE(claim);
      claim->note_copied();
      claim->note_added(io::digest_of("entry"));
    }
    const bool remembers = memory == ReferrerLists::Memory::kRun;
    const auto claim = lists.claim("a", "list", {});
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->is_copied(), remembers);
    EXPECT_EQ(claim->added().empty(), !remembers);
  }
}

}  // namespace
}  // namespace freightliner::copy
