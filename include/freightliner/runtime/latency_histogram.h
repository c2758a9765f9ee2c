#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace freightliner::runtime {

/// What a histogram held at one time. A value type.
class LatencySnapshot {
 public:
  LatencySnapshot() = default;
  /// `counts` by bucket, up to the last that is not empty.
  LatencySnapshot(std::vector<std::uint64_t> counts, std::uint64_t total_nanoseconds, std::uint64_t max_nanoseconds);

  std::uint64_t count() const noexcept { return count_; }
  /// Of all values together.
  std::chrono::nanoseconds total() const noexcept;
  /// The largest value, exactly; 0 where there is none.
  std::chrono::nanoseconds max() const noexcept;
  /// The value below or at which `share` (0 to 1) of all values are, within 1/32 of it; 1 gives max(); 0 where there is
  /// no value.
  std::chrono::nanoseconds quantile(double share) const noexcept;
  /// How many values are below 2^exponent nanoseconds, exactly: such bounds are bounds of buckets.
  std::uint64_t count_below_power_of_two(int exponent) const noexcept;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

/// Counts durations in log-linear buckets, as HdrHistogram does (hdrhistogram.org, "Recorded value quantization"): each
/// power of two of nanoseconds is cut into 16 equal buckets, so a bucket is at most 1/16 of its values wide, and its
/// middle at most 1/32 off. Above 2^44 ns (nearly five hours) all values share the last one; only their max is exact.
///
/// Recording takes three or four relaxed atomic additions: no lock, no allocation. Safe from any thread; a snapshot
/// that is taken meanwhile may have a value in one of its figures and not yet in another.
class LatencyHistogram {
 public:
  static constexpr int kSubBucketBits = 4;
  static constexpr int kTopExponent = 44;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBucketBits;
  static constexpr std::size_t kBuckets = (kTopExponent - kSubBucketBits + 1) * kSubBuckets;

  void record(std::chrono::nanoseconds value) noexcept {
    const auto nanoseconds = static_cast<std::uint64_t>(value.count() < 0 ? 0 : value.count());
    counts_[bucket_of(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
    total_.fetch_add(nanoseconds, std::memory_order_relaxed);
    std::uint64_t max = max_.load(std::memory_order_relaxed);
    while (max < nanoseconds && !max_.compare_exchange_weak(max, nanoseconds, std::memory_order_relaxed)) {
    }
  }
  LatencySnapshot snapshot() const;

  static constexpr std::size_t bucket_of(std::uint64_t nanoseconds) noexcept {
    if (nanoseconds < kSubBuckets) return static_cast<std::size_t>(nanoseconds);
    const int exponent = static_cast<int>(std::bit_width(nanoseconds)) - 1;
    if (exponent >= kTopExponent) return kBuckets - 1;
    const int shift = exponent - kSubBucketBits;
    // The bits behind the leading one say which of the power's buckets it is.
    return static_cast<std::size_t>(shift + 1) * kSubBuckets +
           static_cast<std::size_t>((nanoseconds >> shift) - kSubBuckets);
  }
  /// The smallest value of a bucket.
  static constexpr std::uint64_t lower_bound(std::size_t bucket) noexcept {
    if (bucket < kSubBuckets) return bucket;
    const std::size_t shift = bucket / kSubBuckets - 1;
    return (kSubBuckets + bucket % kSubBuckets) << shift;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> total_{0};
  std::atomic<std::uint64_t> max_{0};
};

}  // namespace freightliner::runtime
