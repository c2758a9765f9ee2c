#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

#include "freightliner/base/result.h"

namespace freightliner::copy {

/// How many blobs may move at the same time (`--jobs`), apart from small requests and small blobs, of which there may
/// be many more. Safe from any thread.
class TransferSlots {
 public:
  explicit TransferSlots(std::size_t slots) : free_(slots) {}

  /// One slot; given back on destruction. Move-only; the slots outlive it.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(TransferSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (slots_ != nullptr) slots_->give_back();
    }

   private:
    TransferSlots* slots_ = nullptr;
  };

  /// Waits for a free slot. Errors: kCancelled.
  Result<Slot> take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait(lock, stop, [this] { return free_ > 0; })) return fail(ErrorCode::kCancelled, "stopped");
    --free_;
    return Slot(*this);
  }

 private:
  void give_back() {
    {
      const std::lock_guard lock(mutex_);
      ++free_;
    }
    freed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t free_;
};

}  // namespace freightliner::copy
