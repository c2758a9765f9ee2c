#include "io/thread_cache.h"

namespace freightliner::io {

void PoolCounters::add(const PoolCounters& other) noexcept {
  for (std::size_t tier = 0; tier < tiers.size(); ++tier) {
    tiers[tier].hits.add(other.tiers[tier].hits.get());
    tiers[tier].misses.add(other.tiers[tier].misses.get());
    tiers[tier].returned.add(other.tiers[tier].returned.get());
  }
  oversize.add(other.oversize.get());
  oversize_bytes.add(other.oversize_bytes.get());
  oversize_returned_bytes.add(other.oversize_returned_bytes.get());
  chunk_bytes.add(other.chunk_bytes.get());
}

std::byte* ThreadCache::steal(std::size_t tier) noexcept {
  if (tier >= kTiers) return nullptr;
  for (std::atomic<std::byte*>& slot : slots_[tier]) {
    // Looking before exchanging leaves the cache line with its owner where there is nothing to take.
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    if (std::byte* buffer = slot.exchange(nullptr, std::memory_order_acquire)) return buffer;
  }
  return nullptr;
}

std::size_t ThreadCache::count(std::size_t tier) const noexcept {
  if (tier >= kTiers) return 0;
  std::size_t kept = 0;
  for (const std::atomic<std::byte*>& slot : slots_[tier]) {
    if (slot.load(std::memory_order_relaxed) != nullptr) ++kept;
  }
  return kept;
}

}  // namespace freightliner::io
