#include "freightliner/copy/recompression_ledger.h"

namespace freightliner::copy {

Result<RecompressionLedger::Claim> RecompressionLedger::claim(const Layer& layer, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[layer];  // references into the map stay valid
  if (!changed_.wait(lock, stop, [&] { return !entry.in_flight; })) return fail(ErrorCode::kCancelled, "stopped");
  if (entry.outcome) return Claim(nullptr, layer, entry.outcome);
  entry.in_flight = true;
  return Claim(this, layer, std::nullopt);
}

void RecompressionLedger::release(const Layer& layer, std::optional<oci::Descriptor> outcome) {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[layer];
    entry.in_flight = false;
    entry.outcome = std::move(outcome);
  }
  changed_.notify_all();
}

}  // namespace freightliner::copy
