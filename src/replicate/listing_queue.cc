#include "replicate/listing_queue.h"

#include <utility>

namespace freightliner::replicate {
namespace {

// Enough to hide the round trips of lists behind the copies of other repositories; each holds the names of its tags.
constexpr std::size_t kAhead = 16;

}  // namespace

ListingQueue::~ListingQueue() {
  for (const auto& slot : slots_) wait_for(*slot);
}

void ListingQueue::wait_for(const Slot& slot) {
  std::unique_lock lock(mutex_);
  listed_.wait(lock, [&] { return slot.listing.has_value(); });
}

void ListingQueue::start_more() {
  while (slots_.size() < kAhead && started_ < repositories_.size()) {
    slots_.push_back(std::make_unique<Slot>(Slot{repositories_[started_++], std::nullopt}));
    services_.workers.submit_first([this, slot = slots_.back().get()](std::size_t worker) {
      http::Caller caller{services_.sessions.of(worker), stop_};
      Result<RepositoryListing> listing = list_repository(caller, services_, places_, slot->names);
      const std::lock_guard lock(mutex_);
      slot->listing.emplace(std::move(listing));
      // Under the lock: who waits may end this object right after.
      listed_.notify_all();
    });
  }
}

std::optional<ListingQueue::Item> ListingQueue::next() {
  start_more();
  if (slots_.empty()) return std::nullopt;
  wait_for(*slots_.front());
  const std::unique_ptr<Slot> slot = std::move(slots_.front());
  slots_.pop_front();
  return Item{slot->names, *std::move(slot->listing)};
}

}  // namespace freightliner::replicate
