#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "freightliner/io/buffer_pool.h"

namespace freightliner::io {

/// A stack of free buffers, chained through their own first bytes: keeping one never allocates.
class FreeList {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  std::size_t size() const noexcept { return size_; }
  void push(std::byte* buffer) noexcept {
    head_ = new (buffer) Node{head_};
    ++size_;
  }
  /// Null where there is none.
  std::byte* pop() noexcept {
    if (head_ == nullptr) return nullptr;
    Node* const node = head_;
    head_ = node->next;
    --size_;
    return reinterpret_cast<std::byte*>(node);
  }

 private:
  struct Node {
    Node* next;
  };
  Node* head_ = nullptr;
  std::size_t size_ = 0;
};

/// Counters that have one writer (a thread, or whoever holds the pool's lock) and any number of readers: a plain load
/// and store, no locked instruction.
class Counter {
 public:
  void add(std::uint64_t amount) noexcept { value_.store(get() + amount, std::memory_order_relaxed); }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct PoolCounters {
  struct Tier {
    Counter hits;
    Counter misses;
    Counter returned;
  };
  std::array<Tier, kBufferTiers.size()> tiers;
  Counter oversize;
  Counter oversize_bytes;
  Counter oversize_returned_bytes;
  Counter chunk_bytes;

  /// Adds what `other` has counted; `other` must be at rest.
  void add(const PoolCounters& other) noexcept;
};

/// The right to have bytes on loan, held per thread so that the pool's high-water mark is exact without a counter that
/// all threads write to. The credits in existence are the mark: an acquire spends, a return earns, and only when no
/// thread has any left are new ones issued, which is when more is on loan than ever before.
class Credit {
 public:
  /// False where there is not enough, or the account is frozen.
  bool try_spend(std::int64_t amount) noexcept {
    std::int64_t balance = balance_.load(std::memory_order_relaxed);
    while (balance >= amount) {
      if (balance_.compare_exchange_weak(balance, balance - amount, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void earn(std::int64_t amount) noexcept { balance_.fetch_add(amount, std::memory_order_relaxed); }
  /// Nothing can be spent, though earned, until collect(). By another thread, under the pool's lock.
  void freeze() noexcept { balance_.fetch_sub(kFrozen, std::memory_order_relaxed); }
  /// Takes all there is and ends the freeze.
  std::int64_t collect() noexcept { return balance_.exchange(0, std::memory_order_relaxed) + kFrozen; }

 private:
  static constexpr std::int64_t kFrozen = std::int64_t{1} << 62U;
  std::atomic<std::int64_t> balance_{0};
};

/// What one thread keeps of one pool. The owner alone puts buffers in; the owner, and under the pool's lock any other
/// thread, take them out: each slot is emptied by one atomic exchange. On cache lines of its own (two: adjacent lines
/// are fetched together).
class alignas(128) ThreadCache {
 public:
  static constexpr std::size_t kTiers = 6;  // up to 1 MiB
  static constexpr std::size_t kSlots = 16;
  static constexpr std::size_t kMaxBytes = 1 * kMiB;

  /// Owner only. Null where the tier has nothing.
  std::byte* pop(std::size_t tier) noexcept {
    if (tier >= kTiers) return nullptr;
    std::size_t& used = used_[tier];
    while (used > 0) {
      --used;
      bytes_ -= kBufferTiers[tier];
      // Null where another thread trimmed it.
      if (std::byte* buffer = slots_[tier][used].exchange(nullptr, std::memory_order_acquire)) return buffer;
    }
    return nullptr;
  }
  /// Owner only. False where the allowance or the slots do not suffice.
  bool push(std::size_t tier, std::byte* buffer) noexcept {
    if (missing_allowance(tier) != 0) return false;
    slots_[tier][used_[tier]++].store(buffer, std::memory_order_release);
    bytes_ += kBufferTiers[tier];
    return true;
  }
  /// Owner only. The bytes of the pool's cap that one more buffer needs beyond those this cache has; kNever where it
  /// may not have that buffer at all.
  std::size_t missing_allowance(std::size_t tier) const noexcept {
    if (tier >= kTiers || used_[tier] == kSlots) return kNever;
    const std::size_t needed = bytes_ + kBufferTiers[tier];
    const std::size_t allowed = allowance();
    if (needed <= allowed) return 0;
    return needed <= kMaxBytes ? needed - allowed : kNever;
  }
  static constexpr std::size_t kNever = ~std::size_t{0};
  /// Owner, under the pool's lock.
  void allow(std::size_t bytes) noexcept { allowance_.store(allowance() + bytes, std::memory_order_relaxed); }
  std::size_t allowance() const noexcept { return allowance_.load(std::memory_order_relaxed); }
  /// Any thread, under the pool's lock. Where the owner is just giving a buffer back, that one may still be kept.
  void revoke_allowance() noexcept { allowance_.store(0, std::memory_order_relaxed); }

  /// Any thread, under the pool's lock: takes one buffer of the tier; null where there is none.
  std::byte* steal(std::size_t tier) noexcept;
  /// Any thread: how many buffers of the tier are kept.
  std::size_t count(std::size_t tier) const noexcept;

  Credit credit;
  PoolCounters counters;

 private:
  // Counts holes left by steal() as used, until pop() passes over them.
  std::array<std::size_t, kTiers> used_{};
  std::size_t bytes_ = 0;
  std::atomic<std::size_t> allowance_{0};
  std::array<std::array<std::atomic<std::byte*>, kSlots>, kTiers> slots_{};
};

}  // namespace freightliner::io
