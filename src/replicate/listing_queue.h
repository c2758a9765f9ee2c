#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "replicate/repository_listing.h"

namespace freightliner::replicate {

/// Lists repositories over the workers, a few ahead of whoever takes the listings, and hands them out in order.
/// Confined to the thread that takes; it must not be a worker.
class ListingQueue {
 public:
  ListingQueue(const TreeServices& services, const ListingPlaces& places, std::stop_token stop,
               std::vector<std::shared_ptr<const RepositoryPair>> repositories)
      : services_(services), places_(places), stop_(std::move(stop)), repositories_(std::move(repositories)) {}
  /// Waits for the listings that are under way.
  ~ListingQueue();
  ListingQueue(const ListingQueue&) = delete;
  ListingQueue& operator=(const ListingQueue&) = delete;

  struct Item {
    std::shared_ptr<const RepositoryPair> names;
    Result<RepositoryListing> listing;
  };
  /// The next one; nullopt when all were taken.
  std::optional<Item> next();

 private:
  struct Slot {
    std::shared_ptr<const RepositoryPair> names;
    std::optional<Result<RepositoryListing>> listing;
  };
  void start_more();
  void wait_for(const Slot& slot);

  const TreeServices& services_;
  const ListingPlaces& places_;
  std::stop_token stop_;
  std::vector<std::shared_ptr<const RepositoryPair>> repositories_;
  std::size_t started_ = 0;
  std::deque<std::unique_ptr<Slot>> slots_;
  std::mutex mutex_;
  std::condition_variable listed_;
};

}  // namespace freightliner::replicate
