#pragma once

#include <atomic>
#include <cstdint>

namespace freightliner::runtime {

/// What a run has done so far, counted by whoever does it and read by whoever shows it. All members may be used from
/// any thread; single values are exact, a set of them is a snapshot without order.
struct Progress {
  std::atomic<std::uint64_t> bytes_moved{0};  ///< blob bytes received so far, retries included
  std::atomic<std::uint64_t> bytes_done{0};   ///< bytes of blobs that are settled (moved, mounted or there)
  std::atomic<std::uint64_t> bytes_total{0};  ///< bytes of all blobs that are known of
  std::atomic<std::uint64_t> blobs_done{0};
  std::atomic<std::uint64_t> blobs_total{0};
  std::atomic<std::uint64_t> retries{0};
  // Of runs over many images; 0 in others.
  std::atomic<std::uint64_t> repositories_done{0};  ///< that were listed
  std::atomic<std::uint64_t> repositories_total{0};
  std::atomic<std::uint64_t> tags_done{0};
  std::atomic<std::uint64_t> tags_total{0};  ///< that were selected so far
};

}  // namespace freightliner::runtime
