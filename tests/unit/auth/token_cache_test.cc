#include "freightliner/auth/token_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/manual_clock.h"

namespace freightliner::auth {
namespace {

class TokenCacheTest : public testing::Test {
 protected:
  // A fetch that counts itself and brings "<name>-<count>", fresh for ten seconds.
  TokenCache::Fetch counting(const std::string& name) {
    return [this, name]() -> Result<Token> {
      return Token{name + '-' + std::to_string(++fetches_), clock_.now() + Duration(10'000)};
    };
  }

  test::ManualClock clock_;
  TokenCache cache_{clock_};
  std::atomic<int> fetches_{0};
};

TEST_F(TokenCacheTest, KeepsATokenWhileItIsFresh) {
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
  clock_.advance(Duration(9'999));
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
  clock_.advance(Duration(1));
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-2");
}

TEST_F(TokenCacheTest, KeepsKeysApart) {
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
  EXPECT_EQ(cache_.get("l", {}, counting("b"))->value, "b-2");
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
}

TEST_F(TokenCacheTest, InvalidatesOnlyTheRefusedToken) {
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
  cache_.invalidate("k", "another");
  cache_.invalidate("l", "a-1");
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
  cache_.invalidate("k", "a-1");
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-2");
}

TEST_F(TokenCacheTest, DoesNotKeepAFailure) {
  const auto failing = [this]() -> Result<Token> {
    ++fetches_;
    return fail(ErrorCode::kTemporary, "no luck");
  };
  const auto first = cache_.get("k", {}, failing);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().message(), "no luck");
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-2");
}

TEST_F(TokenCacheTest, AFetchThatThrowsLeavesNobodyWaiting) {
  EXPECT_THROW((void)cache_.get("k", {}, []() -> Result<Token> { throw std::runtime_error("out of memory"); }),
               std::runtime_error);
  EXPECT_EQ(cache_.get("k", {}, counting("a"))->value, "a-1");
}

TEST_F(TokenCacheTest, IsBounded) {
  for (int i = 0; i < 4096; ++i) {
    ASSERT_TRUE(cache_.get(std::to_string(i), {}, counting("t")));
    if (i == 0) clock_.advance(Duration(1));
  }
  ASSERT_EQ(fetches_, 4096);
  ASSERT_TRUE(cache_.get("new", {}, counting("t")));               // drops the oldest, "0"
  EXPECT_EQ(cache_.get("1", {}, counting("t"))->value, "t-2");     // kept
  EXPECT_EQ(cache_.get("0", {}, counting("t"))->value, "t-4098");  // fetched anew
  clock_.advance(Duration(10'000));                                // now all are stale and make room together
  EXPECT_EQ(cache_.get("other", {}, counting("t"))->value, "t-4099");
}

TEST_F(TokenCacheTest, OneOfManyThreadsFetches) {
  constexpr int kThreads = 16;
  std::atomic<int> started{0};
  std::atomic<int> same{0};
  const auto slow = [&]() -> Result<Token> {
    ++fetches_;
    while (started < kThreads) std::this_thread::yield();
    std::this_thread::sleep_for(Duration(20));
    return Token{"the one", clock_.now() + Duration(10'000)};
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      ++started;
      const auto token = cache_.get("k", {}, slow);
      if (token && token->value == "the one") ++same;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(same, kThreads);
}

TEST_F(TokenCacheTest, AFailureIsGivenToAllWhoWait) {
  constexpr int kThreads = 16;
  std::atomic<int> started{0};
  std::atomic<int> failed{0};
  const auto slow = [&]() -> Result<Token> {
    ++fetches_;
    while (started < kThreads) std::this_thread::yield();
    std::this_thread::sleep_for(Duration(50));
    return fail(ErrorCode::kAuthentication, "refused");
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      ++started;
      const auto token = cache_.get("k", {}, slow);
      if (!token && token.error().code() == ErrorCode::kAuthentication) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, kThreads);
  EXPECT_LT(fetches_, kThreads);  // a thread that comes after the failure fetches for itself
}

TEST_F(TokenCacheTest, WhoWaitsForAFetchThatIsStoppedFetches) {
  std::atomic<bool> fetching{false};
  std::atomic<bool> waits{false};
  std::thread stopped([&] {
    const auto token = cache_.get("k", {}, [&]() -> Result<Token> {
      fetching = true;
      while (!waits) std::this_thread::yield();
      std::this_thread::sleep_for(Duration(50));
      return fail(ErrorCode::kCancelled, "stopped");
    });
    EXPECT_FALSE(token);
  });
  while (!fetching) std::this_thread::yield();
  waits = true;
  const auto token = cache_.get("k", {}, counting("a"));
  stopped.join();
  ASSERT_TRUE(token);
  EXPECT_EQ(token->value, "a-1");
}

TEST_F(TokenCacheTest, WhoWaitsHeedsItsOwnStop) {
  std::atomic<bool> fetching{false};
  std::atomic<bool> released{false};
  std::thread fetches([&] {
    EXPECT_TRUE(cache_.get("k", {}, [&]() -> Result<Token> {
      fetching = true;
      while (!released) std::this_thread::yield();
      return Token{"late", clock_.now() + Duration(10'000)};
    }));
  });
  while (!fetching) std::this_thread::yield();
  std::stop_source stop;
  stop.request_stop();
  const auto token = cache_.get("k", stop.get_token(), counting("a"));
  released = true;
  fetches.join();
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code(), ErrorCode::kCancelled);
}

TEST_F(TokenCacheTest, ThreadsThatFetchAndInvalidateDoNotRace) {
  std::vector<std::thread> threads;
  std::atomic<int> bad{0};
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string((t + i) % 5);
        const auto token = cache_.get(key, {}, counting(key));
        if (!token || token->value.substr(0, 2) != key + '-') ++bad;
        if (token && i % 7 == 0) cache_.invalidate(key, token->value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad, 0);
}

}  // namespace
}  // namespace freightliner::auth
