#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "freightliner/base/bytes.h"
#include "freightliner/io/buffer_pool.h"

namespace freightliner::io {

/// What a ChunkQueue shares with its chunks.
struct ChunkQueueState {
  std::vector<PooledBuffer> free;  ///< reserved to the queue's capacity, so that giving back never allocates
  std::size_t under_way = 0;       ///< chunks taken and not yet given back
  bool open = true;                ///< false once the queue is gone: the last chunk then deletes this
};

/// One pooled buffer on its way from a reader to a writer: filled from the front, drained from the front. Move-only;
/// goes back to its ChunkQueue when destroyed.
class Chunk {
 public:
  Chunk() noexcept = default;
  Chunk(Chunk&& other) noexcept;
  Chunk& operator=(Chunk&& other) noexcept;
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;
  ~Chunk() { reset(); }

  /// False for the empty Chunk that ends a stream.
  explicit operator bool() const noexcept { return static_cast<bool>(buffer_); }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  std::size_t room() const noexcept { return buffer_.capacity() - end_; }
  ByteSpan bytes() const noexcept { return {buffer_.data() + begin_, size()}; }

  /// The free space behind what is filled; call filled() with how much of it was used (at most room()).
  MutableByteSpan writable() noexcept { return {buffer_.data() + end_, room()}; }
  void filled(std::size_t count) noexcept { end_ += count; }
  /// Copies as much of `bytes` as there is room for; returns how much.
  std::size_t append(ByteSpan bytes) noexcept;
  /// Takes `count` bytes (at most size()) off the front.
  void consume(std::size_t count) noexcept { begin_ += count; }
  void reset() noexcept;
  /// The state of the queue that the chunk goes back to; null for an empty handle.
  const ChunkQueueState* queue() const noexcept { return queue_; }

 private:
  friend class ChunkQueue;
  Chunk(ChunkQueueState* queue, PooledBuffer buffer) noexcept : queue_(queue), buffer_(std::move(buffer)) {}
  ChunkQueueState* queue_ = nullptr;
  PooledBuffer buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// All the memory that one blob transfer may use: a fixed number of pooled chunks, reserved before the transfer starts,
/// so that nothing is acquired mid-transfer (no hold-and-wait) and the pool is the memory ceiling. Chunks circulate:
/// reader → hasher → writer → back here. Confined, with its chunks, to the thread that drives the transfer. Should
/// outlive its chunks; the buffer of a chunk that outlives it goes straight back to the pool.
class ChunkQueue {
 public:
  /// Reserves `count` chunks of at least `chunk_size` bytes. Fewer than 3 are raised to 3: one being filled, one
  /// withheld, one being sent. Throws std::bad_alloc only. `pool` outlives the queue and its chunks.
  ChunkQueue(BufferPool& pool, std::size_t chunk_size, std::size_t count);
  ~ChunkQueue();
  ChunkQueue(const ChunkQueue&) = delete;
  ChunkQueue& operator=(const ChunkQueue&) = delete;

  /// A free, empty chunk; an empty handle where all are under way.
  Chunk try_take() noexcept;
  std::size_t available() const noexcept { return state_->free.size(); }
  /// The bytes that a chunk holds: the size asked for, rounded up to the pool's tier.
  std::size_t chunk_size() const noexcept { return chunk_size_; }
  /// The number of chunks.
  std::size_t capacity() const noexcept { return count_; }

 private:
  std::size_t chunk_size_ = 0;
  std::size_t count_;
  std::unique_ptr<ChunkQueueState> state_;
};

}  // namespace freightliner::io
