#include "freightliner/io/buffer_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <latch>
#include <limits>
#include <memory>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#if defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FL_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FL_SANITIZED 1
#endif

namespace freightliner::io {
namespace {

std::uintptr_t address(const PooledBuffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.data());
}

void on_other_thread(const std::function<void()>& work) {
  std::thread(work).join();
}

TEST(BufferPool, GivesTheSmallestTierThatHoldsTheSize) {
  struct Case {
    std::size_t size;
    std::size_t capacity;
  };
  std::vector<Case> cases = {{0, kKiB}, {1, kKiB}, {50 * kMiB + 1, 50 * kMiB + 1}, {60 * kMiB, 60 * kMiB}};
  for (std::size_t tier = 0; tier < kBufferTiers.size(); ++tier) {
    cases.push_back({kBufferTiers[tier], kBufferTiers[tier]});
    if (tier > 0) cases.push_back({kBufferTiers[tier - 1] + 1, kBufferTiers[tier]});
  }
  BufferPool pool;
  for (const Case& c : cases) {
    const PooledBuffer buffer = pool.acquire(c.size);
    EXPECT_TRUE(buffer) << c.size;
    EXPECT_EQ(buffer.capacity(), c.capacity) << c.size;
    buffer.data()[0] = std::byte{1};
    buffer.data()[buffer.capacity() - 1] = std::byte{2};
  }
}

TEST(BufferPool, AlignsToCacheLinesAndPages) {
  BufferPool pool;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (const std::size_t size : kBufferTiers) {
    const std::uintptr_t alignment = size < 64 * kKiB ? 64 : page;
    const PooledBuffer first = pool.acquire(size);
    const PooledBuffer second = pool.acquire(size);
    EXPECT_EQ(address(first) % alignment, 0U) << size;
    EXPECT_EQ(address(second) % alignment, 0U) << size;
  }
  EXPECT_EQ(address(pool.acquire(51 * kMiB)) % page, 0U);
}

TEST(BufferPool, CountsHitsMissesAndWhatIsOnLoan) {
  BufferPool pool;
  {
    const PooledBuffer a = pool.acquire(64 * kKiB);
    const PooledBuffer b = pool.acquire(64 * kKiB);
    const auto statistics = pool.statistics();
    EXPECT_EQ(statistics.tiers[3].acquired, 2U);
    EXPECT_EQ(statistics.tiers[3].misses, 2U);
    EXPECT_EQ(statistics.tiers[3].in_use, 2U);
    EXPECT_EQ(statistics.tiers[3].retained, 0U);
    EXPECT_EQ(statistics.bytes_in_use, 128 * kKiB);
  }
  { const PooledBuffer again = pool.acquire(40 * kKiB); }
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.tiers[3].acquired, 3U);
  EXPECT_EQ(statistics.tiers[3].hits, 1U);
  EXPECT_EQ(statistics.tiers[3].in_use, 0U);
  EXPECT_EQ(statistics.tiers[3].retained, 2U);
  EXPECT_EQ(statistics.bytes_in_use, 0U);
  EXPECT_EQ(statistics.bytes_retained, 128 * kKiB);
  EXPECT_EQ(statistics.bytes_acquired, 192 * kKiB);
  EXPECT_EQ(statistics.high_water_bytes, 128 * kKiB);
}

TEST(BufferPool, CountsOversize) {
  BufferPool pool;
  {
    const PooledBuffer large = pool.acquire(50 * kMiB + 1);
    EXPECT_EQ(pool.statistics().bytes_in_use, 50 * kMiB + 1);
  }
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.oversize, 1U);
  EXPECT_EQ(statistics.bytes_in_use, 0U);
  EXPECT_EQ(statistics.bytes_retained, 0U);
  EXPECT_EQ(statistics.high_water_bytes, 50 * kMiB + 1);
  EXPECT_EQ(statistics.bytes_acquired, 50 * kMiB + 1);
}

#ifndef FL_SANITIZED  // sanitizers have an allocator of their own: it keeps what is freed and aborts where memory runs
                      // out
TEST(BufferPool, AFailedAllocationCountsNothing) {
  BufferPool pool;
  EXPECT_THROW(pool.acquire(std::numeric_limits<std::size_t>::max() / 4), std::bad_alloc);
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.oversize, 0U);
  EXPECT_EQ(statistics.bytes_in_use, 0U);
  EXPECT_EQ(statistics.high_water_bytes, 0U);
}
#endif

TEST(BufferPool, ReusesWhatCameBackLast) {
  BufferPool pool;
  for (const std::size_t size : kBufferTiers) {
    PooledBuffer first = pool.acquire(size);
    const std::uintptr_t where = address(first);
    first.reset();
    if (size <= 16 * kMiB) {
      EXPECT_EQ(address(pool.acquire(size)), where) << size;
    }
    pool.trim();
  }
}

TEST(BufferPool, HandlesMoveAndGiveBackOnce) {
  BufferPool pool;
  PooledBuffer a = pool.acquire(kKiB);
  std::byte* const data = a.data();
  PooledBuffer b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): moved from means empty
  EXPECT_EQ(a.capacity(), 0U);
  EXPECT_EQ(b.data(), data);
  PooledBuffer c = pool.acquire(4 * kKiB);
  c = std::move(b);
  EXPECT_EQ(c.data(), data);
  EXPECT_EQ(pool.statistics().tiers[1].in_use, 0U);
  auto& alias = c;
  c = std::move(alias);
  EXPECT_EQ(c.data(), data);
  c.reset();
  c.reset();
  EXPECT_EQ(pool.statistics().tiers[0].in_use, 0U);
  EXPECT_EQ(pool.statistics().tiers[0].retained, 1U);
}

TEST(BufferPool, NeverKeepsMoreThanTheCap) {
  for (const std::size_t cap : {std::size_t{0}, 1 * kKiB, 100 * kKiB, 1 * kMiB, 3 * kMiB, 40 * kMiB}) {
    BufferPool pool({.max_retained_bytes = cap});
    {
      std::vector<PooledBuffer> held;
      for (std::size_t tier = 0; tier + 1 < kBufferTiers.size(); ++tier) {
        for (int i = 0; i < 20 && kBufferTiers[tier] <= 4 * kMiB; ++i) held.push_back(pool.acquire(kBufferTiers[tier]));
      }
      on_other_thread([&] { held.resize(held.size() / 2); });
    }
    EXPECT_LE(pool.statistics().bytes_retained, cap);
    EXPECT_EQ(pool.statistics().bytes_in_use, 0U);
  }
}

TEST(BufferPool, ALowerCapHoldsForAllThatIsKept) {
  for (const std::size_t cap : {std::size_t{0}, 256 * kKiB, 1 * kMiB, 20 * kMiB}) {
    BufferPool pool({.max_retained_bytes = 64 * kMiB});
    std::latch filled(1);
    std::latch lowered(1);
    std::jthread other([&] {  // has a cache of its own
      for (int i = 0; i < 4; ++i) pool.acquire(256 * kKiB).reset();
      filled.count_down();
      lowered.wait();
      for (int i = 0; i < 4; ++i) pool.acquire(256 * kKiB).reset();
    });
    filled.wait();
    {
      std::vector<PooledBuffer> held;
      for (int i = 0; i < 20; ++i) held.push_back(pool.acquire(kMiB));
    }
    pool.set_retained_cap(cap);
    EXPECT_LE(pool.statistics().bytes_retained, cap);
    EXPECT_EQ(pool.statistics().retained_cap, cap);
    lowered.count_down();
    other.join();
    {
      std::vector<PooledBuffer> held;
      for (int i = 0; i < 20; ++i) held.push_back(pool.acquire(64 * kKiB));
    }
    EXPECT_LE(pool.statistics().bytes_retained, cap);
    pool.set_retained_cap(64 * kMiB);
    pool.acquire(16 * kMiB).reset();
    EXPECT_EQ(pool.statistics().tiers[7].retained, 1U);
  }
}

TEST(BufferPool, WithoutPoolingACapChangesNothing) {
  BufferPool pool({.pooling = false});
  pool.set_retained_cap(64 * kMiB);
  pool.acquire(kMiB).reset();
  EXPECT_EQ(pool.statistics().bytes_retained, 0U);
  EXPECT_EQ(pool.statistics().retained_cap, 0U);
}

TEST(BufferPool, CapacityIsThatOfTheTier) {
  EXPECT_EQ(buffer_capacity(0), kKiB);
  EXPECT_EQ(buffer_capacity(kKiB + 1), 4 * kKiB);
  EXPECT_EQ(buffer_capacity(100 * kKiB), 256 * kKiB);
  EXPECT_EQ(buffer_capacity(50 * kMiB), 50 * kMiB);
  EXPECT_EQ(buffer_capacity(50 * kMiB + 1), 50 * kMiB + 1);
}

TEST(BufferPool, IdleThreadsLeaveHalfTheCapToTheSharedLists) {
  BufferPool pool({.max_retained_bytes = 8 * kMiB});
  constexpr int kThreads = 16;
  std::latch filled(kThreads);
  std::latch done(1);
  std::vector<std::jthread> idle;
  for (int i = 0; i < kThreads; ++i) {
    idle.emplace_back([&] {
      pool.acquire(kMiB).reset();
      filled.count_down();
      done.wait();
    });
  }
  filled.wait();
  EXPECT_LE(pool.statistics().bytes_retained, 8 * kMiB);
  pool.trim();
  pool.acquire(4 * kMiB).reset();
  EXPECT_EQ(pool.statistics().tiers[6].retained, 1U);
  done.count_down();
}

TEST(BufferPool, WithoutPoolingKeepsNothing) {
  BufferPool pool({.pooling = false});
  for (const std::size_t size : {1 * kKiB, 64 * kKiB, 16 * kMiB}) {
    pool.acquire(size).reset();
    pool.acquire(size).reset();
  }
  const auto statistics = pool.statistics();
  EXPECT_EQ(statistics.bytes_retained, 0U);
  for (const std::size_t tier : {0, 3, 7}) {
    EXPECT_EQ(statistics.tiers[tier].misses, 2U);
    EXPECT_EQ(statistics.tiers[tier].hits, 0U);
  }
  EXPECT_EQ(statistics.high_water_bytes, 16 * kMiB);
}

TEST(BufferPool, TrimsSharedListsAndEveryThreadsCache) {
  BufferPool pool;
  std::latch filled(1);
  std::latch trimmed(1);
  std::uint64_t misses_after = 0;
  std::jthread other([&] {
    pool.acquire(256 * kKiB).reset();
    filled.count_down();
    trimmed.wait();
    pool.acquire(256 * kKiB).reset();  // its cache has a hole now
    misses_after = pool.statistics().tiers[4].misses;
  });
  filled.wait();
  {
    const PooledBuffer large = pool.acquire(16 * kMiB);
    const PooledBuffer small = pool.acquire(kKiB);
  }
  EXPECT_EQ(pool.statistics().bytes_retained, 16 * kMiB + 256 * kKiB + kKiB);
  pool.trim(300 * kKiB);
  EXPECT_EQ(pool.statistics().bytes_retained, 257 * kKiB);
  pool.trim();
  EXPECT_EQ(pool.statistics().bytes_retained, 0U);
  trimmed.count_down();
  other.join();
  EXPECT_EQ(misses_after, 2U);
  EXPECT_EQ(pool.statistics().tiers[4].retained, 1U);
}

#ifndef FL_SANITIZED  // sanitizers have an allocator of their own: it keeps what is freed and aborts where memory runs
                      // out
// Resident memory, in bytes (proc(5), statm).
std::size_t resident() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long pages = 0;
  const int read = std::fscanf(file, "%lu %lu", &total, &pages);  // NOLINT(cert-err34-c): the kernel's own format
  std::fclose(file);
  return read == 2 ? pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

TEST(BufferPool, TrimmingGivesMemoryBackToTheSystem) {
  BufferPool pool;
  {
    std::vector<PooledBuffer> held;
    for (int round = 0; round < 2; ++round) {  // the second time glibc's threshold for mmap has risen
      held.clear();
      for (int i = 0; i < 48; ++i) {
        held.push_back(pool.acquire(kMiB));
        std::memset(held.back().data(), 1, held.back().capacity());
      }
    }
  }
  const std::uint64_t kept = pool.statistics().bytes_retained;
  const std::size_t before = resident();
  pool.trim();
  EXPECT_GT(before, resident() + 40 * kMiB) << "retained before: " << kept;
}
#endif

TEST(BufferPool, PresetsAreAsDocumented) {
  EXPECT_EQ(kNetworkBufferSize, 64 * kKiB);
  EXPECT_EQ(kMaxCopyBufferSize, kMiB);
  EXPECT_EQ(compression_buffer_size(100 * kKiB), 200 * kKiB);
  EXPECT_EQ(compression_buffer_size(2 * kMiB), 4 * kMiB);
  EXPECT_EQ(compression_buffer_size(std::numeric_limits<std::size_t>::max()), 4 * kMiB);
}

}  // namespace
}  // namespace freightliner::io
