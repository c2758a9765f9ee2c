#include "freightliner/io/chunk_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace freightliner::io {
namespace {

TEST(ChunkQueue, ReservesAllItsChunksAtOnce) {
  BufferPool pool;
  {
    const ChunkQueue queue(pool, 60 * kKiB, 5);
    EXPECT_EQ(queue.capacity(), 5U);
    EXPECT_EQ(queue.available(), 5U);
    EXPECT_EQ(queue.chunk_size(), 64 * kKiB);
    EXPECT_EQ(pool.statistics().bytes_in_use, 5 * 64 * kKiB);
  }
  EXPECT_EQ(pool.statistics().bytes_in_use, 0U);
}

TEST(ChunkQueue, HasAtLeastThreeChunks) {
  BufferPool pool;
  for (const std::size_t count : {0, 1, 2, 3}) EXPECT_EQ(ChunkQueue(pool, kKiB, count).capacity(), 3U) << count;
}

TEST(ChunkQueue, ChunksCirculateWithoutNewBuffers) {
  BufferPool pool;
  ChunkQueue queue(pool, kKiB, 3);
  const auto acquired = pool.statistics().tiers[0].acquired;
  for (int i = 0; i < 1000; ++i) {
    Chunk a = queue.try_take();
    Chunk b = queue.try_take();
    Chunk c = queue.try_take();
    ASSERT_TRUE(a && b && c);
    EXPECT_EQ(c.size(), 0U);
    EXPECT_EQ(c.room(), kKiB);
    c.filled(10);
    EXPECT_FALSE(queue.try_take());
    EXPECT_EQ(queue.available(), 0U);
    b.reset();
    EXPECT_EQ(queue.available(), 1U);
  }
  EXPECT_EQ(queue.available(), 3U);
  EXPECT_EQ(pool.statistics().tiers[0].acquired, acquired);
  EXPECT_EQ(pool.statistics().bytes_acquired, 3 * kKiB);
  EXPECT_EQ(pool.statistics().chunk_bytes, 3000 * kKiB);
}

TEST(Chunk, IsFilledAndDrainedFromTheFront) {
  BufferPool pool;
  ChunkQueue queue(pool, kKiB, 3);
  Chunk chunk = queue.try_take();
  EXPECT_TRUE(chunk.empty());
  EXPECT_EQ(chunk.append(as_bytes("hello ")), 6U);
  const std::string_view world = "world";
  std::ranges::copy(as_bytes(world), chunk.writable().begin());
  chunk.filled(world.size());
  EXPECT_EQ(as_text(chunk.bytes()), "hello world");
  chunk.consume(6);
  EXPECT_EQ(as_text(chunk.bytes()), "world");
  EXPECT_EQ(chunk.room(), kKiB - 11);
  EXPECT_EQ(chunk.append(as_bytes(std::string(2000, 'x'))), kKiB - 11);
  EXPECT_EQ(chunk.room(), 0U);
  EXPECT_EQ(chunk.append(as_bytes("y")), 0U);
  EXPECT_EQ(chunk.append({}), 0U);
  chunk.consume(chunk.size());
  EXPECT_TRUE(chunk.empty());
  EXPECT_TRUE(chunk);
}

TEST(Chunk, MovesAndGivesBackOnce) {
  BufferPool pool;
  ChunkQueue queue(pool, kKiB, 3);
  Chunk a = queue.try_take();
  a.append(as_bytes("abc"));
  Chunk b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): moved from means empty
  EXPECT_EQ(a.size(), 0U);
  EXPECT_EQ(as_text(b.bytes()), "abc");
  Chunk c = queue.try_take();
  c = std::move(b);
  EXPECT_EQ(queue.available(), 2U);
  EXPECT_EQ(as_text(c.bytes()), "abc");
  auto& alias = c;
  c = std::move(alias);
  EXPECT_EQ(as_text(c.bytes()), "abc");
  c.reset();
  c.reset();
  EXPECT_FALSE(c);
  EXPECT_EQ(queue.available(), 3U);
  const Chunk never;
  EXPECT_FALSE(never);
}

TEST(Chunk, ThatOutlivesItsQueueGoesBackToThePool) {
  BufferPool pool;
  Chunk first;
  Chunk second;
  {
    ChunkQueue queue(pool, kKiB, 4);
    first = queue.try_take();
    second = queue.try_take();
    second.append(as_bytes("still here"));
  }
  EXPECT_EQ(pool.statistics().tiers[0].in_use, 2U);
  first.reset();
  EXPECT_EQ(as_text(second.bytes()), "still here");
  second.reset();
  EXPECT_EQ(pool.statistics().tiers[0].in_use, 0U);
}

}  // namespace
}  // namespace freightliner::io
