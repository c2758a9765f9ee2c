#include "freightliner/io/chunk_queue.h"

#include <algorithm>
#include <cstring>

namespace freightliner::io {
namespace {

constexpr std::size_t kMinChunks = 3;

}  // namespace

Chunk::Chunk(Chunk&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)),
      buffer_(std::move(other.buffer_)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

Chunk& Chunk::operator=(Chunk&& other) noexcept {
  if (this == &other) return *this;
  reset();
  queue_ = std::exchange(other.queue_, nullptr);
  buffer_ = std::move(other.buffer_);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

std::size_t Chunk::append(ByteSpan bytes) noexcept {
  const std::size_t count = std::min(bytes.size(), room());
  if (count != 0) std::memcpy(buffer_.data() + end_, bytes.data(), count);
  end_ += count;
  return count;
}

void Chunk::reset() noexcept {
  begin_ = 0;
  end_ = 0;
  ChunkQueueState* const queue = std::exchange(queue_, nullptr);
  if (queue == nullptr) return;
  --queue->under_way;
  if (queue->open) {
    queue->free.push_back(std::move(buffer_));
    return;
  }
  buffer_.reset();
  if (queue->under_way == 0) delete queue;
}

ChunkQueue::ChunkQueue(BufferPool& pool, std::size_t chunk_size, std::size_t count)
    : count_(std::max(count, kMinChunks)), state_(std::make_unique<ChunkQueueState>()) {
  state_->free.reserve(count_);
  while (state_->free.size() < count_) state_->free.push_back(pool.acquire(chunk_size));
  chunk_size_ = state_->free.front().capacity();
}

ChunkQueue::~ChunkQueue() {
  if (state_->under_way == 0) return;
  state_->open = false;
  state_->free.clear();
  static_cast<void>(state_.release());  // the last chunk deletes it
}

Chunk ChunkQueue::try_take() noexcept {
  if (state_->free.empty()) return {};
  Chunk chunk(state_.get(), std::move(state_->free.back()));
  state_->free.pop_back();
  ++state_->under_way;
  chunk.buffer_.count_chunk();
  return chunk;
}

}  // namespace freightliner::io
