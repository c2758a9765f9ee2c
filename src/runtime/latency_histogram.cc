#include "freightliner/runtime/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace freightliner::runtime {

using std::chrono::nanoseconds;

LatencySnapshot::LatencySnapshot(std::vector<std::uint64_t> counts, std::uint64_t total_nanoseconds,
                                 std::uint64_t max_nanoseconds)
    : counts_(std::move(counts)),
      count_(std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0})),
      total_(total_nanoseconds),
      max_(max_nanoseconds) {}

nanoseconds LatencySnapshot::total() const noexcept {
  return nanoseconds(total_);
}

nanoseconds LatencySnapshot::max() const noexcept {
  return nanoseconds(max_);
}

nanoseconds LatencySnapshot::quantile(double share) const noexcept {
  if (count_ == 0) return nanoseconds(0);
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  if (rank >= count_) return max();
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen < std::max<std::uint64_t>(rank, 1)) continue;
    const std::uint64_t low = LatencyHistogram::lower_bound(bucket);
    const std::uint64_t high = LatencyHistogram::lower_bound(bucket + 1) - 1;
    return nanoseconds(std::min(low + (high - low) / 2, max_));
  }
  return max();
}

std::uint64_t LatencySnapshot::count_below_power_of_two(int exponent) const noexcept {
  const std::size_t end = LatencyHistogram::bucket_of(std::uint64_t{1} << exponent);
  const auto stop = counts_.begin() + static_cast<std::ptrdiff_t>(std::min(end, counts_.size()));
  return std::accumulate(counts_.begin(), stop, std::uint64_t{0});
}

LatencySnapshot LatencyHistogram::snapshot() const {
  std::size_t used = kBuckets;
  while (used > 0 && counts_[used - 1].load(std::memory_order_relaxed) == 0) --used;
  std::vector<std::uint64_t> counts(used);
  for (std::size_t bucket = 0; bucket < used; ++bucket)
    counts[bucket] = counts_[bucket].load(std::memory_order_relaxed);
  return {std::move(counts), total_.load(std::memory_order_relaxed), max_.load(std::memory_order_relaxed)};
}

}  // namespace freightliner::runtime
