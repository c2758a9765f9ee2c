#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "freightliner/base/bytes.h"

namespace freightliner::io {

/// The nine standard sizes. A request gets the smallest tier that holds it; above the last one a plain allocation.
inline constexpr std::array<std::size_t, 9> kBufferTiers = {1 * kKiB, 4 * kKiB, 16 * kKiB, 64 * kKiB, 256 * kKiB,
                                                            1 * kMiB, 4 * kMiB, 16 * kMiB, 50 * kMiB};

/// What a request for `size` bytes gets.
constexpr std::size_t buffer_capacity(std::size_t size) noexcept {
  for (const std::size_t tier : kBufferTiers) {
    if (size <= tier) return tier;
  }
  return size;
}

/// Sizes by purpose.
inline constexpr std::size_t kNetworkBufferSize = 64 * kKiB;
inline constexpr std::size_t kMaxCopyBufferSize = 1 * kMiB;
constexpr std::size_t compression_buffer_size(std::size_t estimate) noexcept {
  return estimate < 2 * kMiB ? 2 * estimate : 4 * kMiB;
}

class BufferPool;

/// A buffer on loan; goes back to its pool when destroyed. Move-only, so it can't be returned twice or to a wrong tier.
/// Contents are not initialised. The pool outlives every handle. May be destroyed on another thread than it came from.
class PooledBuffer {
 public:
  PooledBuffer() noexcept = default;
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;
  PooledBuffer(const PooledBuffer&) = delete;
  PooledBuffer& operator=(const PooledBuffer&) = delete;
  ~PooledBuffer() { reset(); }

  std::byte* data() const noexcept { return data_; }
  /// The tier's size, or the size asked for where it is above all tiers.
  std::size_t capacity() const noexcept { return capacity_; }
  explicit operator bool() const noexcept { return data_ != nullptr; }
  void reset() noexcept;
  /// Counts that a transfer fills the buffer, once more perhaps: BufferPool::Statistics::chunk_bytes.
  void count_chunk() const noexcept;

 private:
  friend class BufferPool;
  PooledBuffer(BufferPool* pool, std::byte* data, std::size_t capacity, int tier) noexcept
      : pool_(pool), data_(data), capacity_(capacity), tier_(tier) {}
  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  int tier_ = -1;  // -1: oversize
};

/// A pool of buffers in fixed sizes: per-thread caches in front of shared lists, a cap on what is kept, counters that
/// add up. Tiers below 64 KiB are aligned to 64 bytes, those of 64 KiB and more to pages. Nothing is allocated up
/// front, and nothing is ever zeroed. Safe from any thread.
///
/// A thread keeps up to 1 MiB of what it gave back, in tiers up to 1 MiB; all threads together keep at most half the
/// cap. An acquire that this cache serves, and its return, take no lock and allocate nothing; the rest goes through one
/// short critical section. A thread that ends hands what it kept to the shared lists. Threads may outlive the pool.
class BufferPool {
 public:
  struct Options {
    /// Bytes kept for reuse over all tiers, thread caches and shared lists together: a hard bound. What comes back
    /// beyond it is freed. See also set_retained_cap().
    std::size_t max_retained_bytes = 64 * kMiB;
    /// Off: every acquire allocates and every return frees (for comparison).
    bool pooling = true;
  };
  struct TierStatistics {
    std::uint64_t acquired = 0;  ///< hits + misses
    std::uint64_t hits = 0;      ///< served from what was kept
    std::uint64_t misses = 0;    ///< served by an allocation
    std::uint64_t in_use = 0;    ///< buffers on loan now
    std::uint64_t retained = 0;  ///< buffers kept now
  };
  struct Statistics {
    std::array<TierStatistics, kBufferTiers.size()> tiers;
    std::uint64_t oversize = 0;      ///< requests above the top tier
    std::uint64_t bytes_in_use = 0;  ///< capacity on loan, oversize included
    std::uint64_t bytes_retained = 0;
    std::uint64_t retained_cap = 0;      ///< the most that may be kept now; 0 without pooling
    std::uint64_t high_water_bytes = 0;  ///< the most that was on loan at one time
    std::uint64_t bytes_acquired = 0;    ///< capacity handed out since the start
    /// Capacity of the chunks that ChunkQueues handed out since the start. A queue acquires its buffers once and uses
    /// them again and again, so this is above bytes_acquired where blobs are large. No byte of a blob moves but in such
    /// a chunk: it is never below the bytes that transfers have moved.
    std::uint64_t chunk_bytes = 0;
  };

  BufferPool();
  explicit BufferPool(Options options);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// A buffer of at least `size` bytes (size 0 counts as 1). Throws std::bad_alloc only.
  PooledBuffer acquire(std::size_t size);
  /// Frees kept buffers, shared ones and large ones first, then those in any thread's cache, until at most `keep_bytes`
  /// are kept. The memory of large ones goes back to the system. May run beside every other call.
  void trim(std::size_t keep_bytes = 0);
  /// Changes Options::max_retained_bytes. Where it falls, all thread caches are emptied and what is above the new cap
  /// is freed; a buffer that another thread is giving back in this very moment may stay beyond it until it is used
  /// again. Nothing without pooling. May run beside every other call.
  void set_retained_cap(std::size_t bytes);
  /// Sums what the threads have counted: exact while no other thread uses the pool, else each figure is one that it had
  /// during the call. The high-water mark is exact at all times, but that a return which runs at the same time as an
  /// acquire may count as before or after it.
  Statistics statistics() const;

 private:
  friend class PooledBuffer;
  void release(std::byte* data, std::size_t capacity, int tier) noexcept;
  void count_chunk(std::size_t capacity) noexcept;
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with the threads that have a cache: they may end after the pool
};

}  // namespace freightliner::io
