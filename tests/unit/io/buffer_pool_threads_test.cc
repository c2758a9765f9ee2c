#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <cstring>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "freightliner/io/chunk_queue.h"

namespace freightliner::io {
namespace {

std::uintptr_t address(const PooledBuffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data());
}

void on_other_thread(const std::function<void()>& work) {
  std::thread(work).join();
}

TEST(BufferPoolThreads, BuffersMayComeBackOnAnotherThread) {
  BufferPool pool;
  constexpr int kCount = 1000;
  for (int i = 0; i < kCount; ++i) {
    PooledBuffer buffer = pool.acquire(64 * kKiB);
    on_other_thread([&] { buffer.reset(); });
  }
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.tiers[3].acquired, 1000U);
  EXPECT_EQ(statistics.tiers[3].misses, 1U);
  EXPECT_EQ(statistics.tiers[3].in_use, 0U);
  EXPECT_EQ(statistics.high_water_bytes, 64 * kKiB);
}

TEST(BufferPoolThreads, AThreadThatEndsHandsOnWhatItKept) {
  BufferPool pool;
  std::uintptr_t where = 0;
  on_other_thread([&] {
    const PooledBuffer buffer = pool.acquire(kMiB);
    where = address(buffer);
  });
  EXPECT_EQ(pool.statistics().tiers[5].retained, 1U);
  EXPECT_EQ(pool.statistics().tiers[5].misses, 1U);
  const PooledBuffer buffer = pool.acquire(kMiB);
  EXPECT_EQ(address(buffer), where);
  EXPECT_EQ(pool.statistics().tiers[5].hits, 1U);
}

TEST(BufferPoolThreads, ThreadsMayOutliveThePool) {
  auto first_pool = std::make_unique<BufferPool>();
  std::latch used(1);
  std::latch gone(1);
  std::jthread survivor([&] {
    first_pool->acquire(kKiB).reset();
    used.count_down();
    gone.wait();
    // A second pool, perhaps at the address of the first: nothing of the first may show.
    BufferPool second;
    const PooledBuffer buffer = second.acquire(kKiB);
    EXPECT_EQ(second.statistics().tiers[0].misses, 1U);
    EXPECT_EQ(second.statistics().tiers[0].hits, 0U);
  });
  used.wait();
  first_pool.reset();
  gone.count_down();
}

TEST(BufferPoolThreads, ManyPoolsOneAfterAnotherOnOneThread) {
  for (int i = 0; i < 1000; ++i) {
    BufferPool pool;
    BufferPool other;
    pool.acquire(kKiB).reset();
    other.acquire(kKiB).reset();
    pool.acquire(kKiB).reset();
    ASSERT_EQ(pool.statistics().tiers[0].hits, 1U);
    ASSERT_EQ(other.statistics().tiers[0].misses, 1U);
  }
}

TEST(BufferPoolThreads, PoolAndThreadsMayEndAtTheSameTime) {
  for (int round = 0; round < 200; ++round) {
    auto pool = std::make_unique<BufferPool>();
    std::latch used(4);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&used, &pool = *pool] {
        pool.acquire(64 * kKiB).reset();
        used.count_down();
      });
    }
    used.wait();
    pool.reset();  // while the threads are on their way out
  }
  SUCCEED();
}

// A handle in a thread_local object that was made before the thread's cache ends after it.
struct LateHandle {
  PooledBuffer buffer;
};

TEST(BufferPoolThreads, AHandleMayOutliveTheThreadsCache) {
  BufferPool pool;
  on_other_thread([&] {
    static thread_local LateHandle late;
    late.buffer.reset();  // makes it exist before the cache
    late.buffer = pool.acquire(64 * kKiB);
  });
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.tiers[3].in_use, 0U);
  EXPECT_EQ(statistics.tiers[3].retained, 1U);
  EXPECT_EQ(statistics.bytes_in_use, 0U);
}

// The mark as it would be with a counter under a lock: the credits must never issue less, and not more than the threads
// could have had at one time.
TEST(BufferPoolThreads, TheHighWaterMarkIsExactAcrossThreads) {
  constexpr int kThreads = 8;
  BufferPool pool;
  std::barrier<> step(kThreads);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        // One thread at a time, then all at once.
        for (int turn = 0; turn < kThreads; ++turn) {
          if (turn == i) pool.acquire(64 * kKiB).reset();
          step.arrive_and_wait();
        }
        if (round == 0 && i == 0) {
          EXPECT_EQ(pool.statistics().high_water_bytes, 64 * kKiB);
        }
        step.arrive_and_wait();
        PooledBuffer buffer = pool.acquire(64 * kKiB);
        step.arrive_and_wait();
        buffer.reset();
        step.arrive_and_wait();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(pool.statistics().high_water_bytes, kThreads * 64 * kKiB);
}

// Threads that run freely, pass buffers on and hold at most one each: were credit missed anywhere, the mark would climb
// above what they can have.
TEST(BufferPoolThreads, TheHighWaterMarkNeverExceedsWhatWasHeld) {
  constexpr std::size_t kThreads = 6;
  constexpr std::size_t kPassed = 2;
  BufferPool pool;
  std::array<std::mutex, kPassed> mutexes;
  std::array<PooledBuffer, kPassed> passed;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (std::size_t round = 0; round < 5000; ++round) {
          PooledBuffer buffer = pool.acquire(round % 3 == 0 ? 256 * kKiB : 4 * kKiB);
          if (round % 5 != i % 5) continue;
          const std::lock_guard lock(mutexes[round % kPassed]);
          std::swap(buffer, passed[round % kPassed]);
        }
      });
    }
  }
  EXPECT_LE(pool.statistics().high_water_bytes, (kThreads + kPassed) * 256 * kKiB);
  EXPECT_GE(pool.statistics().high_water_bytes, 256 * kKiB);
}

struct Traffic {
  std::array<std::uint64_t, kBufferTiers.size()> acquired{};
  std::uint64_t oversize = 0;
  std::uint64_t bytes = 0;
  std::uint64_t chunk_bytes = 0;
  std::vector<PooledBuffer> held;  // to the end
};

/// Takes, keeps, passes on and gives back buffers at random; every buffer carries its holder's mark while it is held.
Traffic random_traffic(BufferPool& pool, unsigned seed, std::mutex& mutex, std::vector<PooledBuffer>& passed_on) {
  std::minstd_rand random(seed);
  Traffic traffic;
  std::vector<PooledBuffer>& held = traffic.held;
  for (int i = 0; i < 4000; ++i) {
    const bool oversize = random() % 1000 == 0;
    const std::size_t tier = random() % 6;
    PooledBuffer buffer = pool.acquire(oversize ? 50 * kMiB + 1 : kBufferTiers[tier] - random() % 100);
    ++(oversize ? traffic.oversize : traffic.acquired[tier]);
    traffic.bytes += buffer.capacity();
    std::memcpy(buffer.data(), &seed, sizeof(seed));
    held.push_back(std::move(buffer));
    if (held.size() > 12) {
      const std::size_t which = random() % held.size();
      unsigned mark = 0;
      std::memcpy(&mark, held[which].data(), sizeof(mark));
      EXPECT_EQ(mark, seed);
      std::swap(held[which], held.back());
      if (random() % 4 == 0) {
        const std::lock_guard lock(mutex);
        passed_on.push_back(std::move(held.back()));
        if (passed_on.size() > 16) passed_on.erase(passed_on.begin());
      }
      held.pop_back();
    }
    if (i % 100 == 0) {
      ChunkQueue queue(pool, 16 * kKiB, 4);
      traffic.acquired[2] += queue.capacity();
      traffic.bytes += queue.capacity() * queue.chunk_size();
      for (unsigned chunk = 0; chunk < seed; ++chunk) traffic.chunk_bytes += queue.try_take().room();
    }
    if (i % 500 == 0) pool.trim(kMiB);
    if (i % 700 == 0) pool.set_retained_cap((1 + seed % 16) * kMiB);
  }
  return traffic;
}

TEST(BufferPoolThreads, SixteenThreadsSumsMatch) {
  constexpr unsigned kThreads = 16;
  BufferPool pool({.max_retained_bytes = 16 * kMiB});
  std::mutex mutex;
  std::vector<PooledBuffer> passed_on;
  std::vector<Traffic> traffic(kThreads);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] { traffic[i] = random_traffic(pool, i + 1, mutex, passed_on); });
    }
    for (int i = 0; i < 200; ++i) {
      const auto snapshot = pool.statistics();
      EXPECT_LE(snapshot.bytes_retained, 16 * kMiB + kThreads * kMiB);
      EXPECT_LE(snapshot.bytes_in_use, snapshot.bytes_acquired);
      std::this_thread::yield();
    }
  }
  // What the threads still hold, the pool has on loan: neither more nor less, in no tier.
  Traffic sum;
  std::array<std::uint64_t, kBufferTiers.size()> held{};
  std::uint64_t held_bytes = 0;
  const auto count_held = [&](const std::vector<PooledBuffer>& buffers) {
    for (const PooledBuffer& buffer : buffers) {
      const auto tier = std::ranges::find(kBufferTiers, buffer.capacity());
      if (tier != kBufferTiers.end()) ++held[static_cast<std::size_t>(tier - kBufferTiers.begin())];
      held_bytes += buffer.capacity();
    }
  };
  count_held(passed_on);
  for (const Traffic& one : traffic) {
    for (std::size_t tier = 0; tier < sum.acquired.size(); ++tier) sum.acquired[tier] += one.acquired[tier];
    sum.oversize += one.oversize;
    sum.bytes += one.bytes;
    sum.chunk_bytes += one.chunk_bytes;
    count_held(one.held);
  }
  const auto loaned = pool.statistics();
  for (std::size_t tier = 0; tier < held.size(); ++tier) EXPECT_EQ(loaned.tiers[tier].in_use, held[tier]) << tier;
  EXPECT_EQ(loaned.bytes_in_use, held_bytes);
  EXPECT_GE(loaned.high_water_bytes, held_bytes);
  EXPECT_GE(held_bytes, kThreads * 12 * kKiB);

  passed_on.clear();
  traffic.clear();
  const auto statistics = pool.statistics();
  for (std::size_t tier = 0; tier < sum.acquired.size(); ++tier) {
    EXPECT_EQ(statistics.tiers[tier].acquired, sum.acquired[tier]) << tier;
    EXPECT_EQ(statistics.tiers[tier].hits + statistics.tiers[tier].misses, sum.acquired[tier]) << tier;
    EXPECT_EQ(statistics.tiers[tier].in_use, 0U) << tier;
  }
  EXPECT_EQ(statistics.oversize, sum.oversize);
  EXPECT_EQ(statistics.bytes_acquired, sum.bytes);
  EXPECT_EQ(statistics.chunk_bytes, sum.chunk_bytes);
  EXPECT_EQ(statistics.bytes_in_use, 0U);
  EXPECT_LE(statistics.bytes_retained, 16 * kMiB);
  EXPECT_GT(statistics.high_water_bytes, 0U);
}

}  // namespace
}  // namespace freightliner::io
