#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "freightliner/base/result.h"
#include "freightliner/oci/descriptor.h"

namespace freightliner::copy {

/// Which layers of a source a run has recompressed, and into what: each is recompressed by one thread once, whatever
/// number of images share it (single flight); the others wait, and have the outcome mounted or uploaded by its digest.
/// One per destination registry and run, beside the BlobLedger. Who holds a claim waits for no other one. Safe from any
/// thread.
class RecompressionLedger {
 public:
  /// A layer, and what it must be unpacked: two images that disagree on that don't share.
  struct Layer {
    oci::Digest digest;
    oci::Digest diff_id;
    auto operator<=>(const Layer&) const = default;
  };
  class Claim;

  /// Waits while another thread recompresses the layer. Errors: kCancelled.
  Result<Claim> claim(const Layer& layer, const std::stop_token& stop);
  bool is_empty() const {
    const std::lock_guard lock(mutex_);
    return entries_.empty();
  }

 private:
  struct Entry {
    bool in_flight = false;
    std::optional<oci::Descriptor> outcome = {};
  };
  void release(const Layer& layer, std::optional<oci::Descriptor> outcome);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Layer, Entry> entries_;
};

/// The right and duty to recompress a layer, unless the outcome is known. Given up on destruction. Move-only; the
/// ledger outlives it.
class RecompressionLedger::Claim {
 public:
  Claim(Claim&& other) noexcept
      : ledger_(std::exchange(other.ledger_, nullptr)), layer_(other.layer_), outcome_(std::move(other.outcome_)) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (ledger_ != nullptr) ledger_->release(layer_, std::nullopt);
  }

  /// What the layer has become.
  const std::optional<oci::Descriptor>& outcome() const noexcept { return outcome_; }
  void settle(oci::Descriptor outcome) {
    if (ledger_ != nullptr) std::exchange(ledger_, nullptr)->release(layer_, std::move(outcome));
  }

 private:
  friend class RecompressionLedger;
  Claim(RecompressionLedger* ledger, const Layer& layer, std::optional<oci::Descriptor> outcome)
      : ledger_(ledger), layer_(layer), outcome_(std::move(outcome)) {}

  RecompressionLedger* ledger_;  // null: nothing to do
  Layer layer_;
  std::optional<oci::Descriptor> outcome_;
};

}  // namespace freightliner::copy
