#pragma once

#include <cstddef>
#include <string_view>

#include "freightliner/base/bytes.h"
#include "freightliner/base/clock.h"

namespace freightliner::cli {

/// --buffer-size: what lets each transfer have its own, and the least and most that it may be set to.
inline constexpr std::string_view kAdaptiveBuffersText = "auto";
inline constexpr std::size_t kSmallestBuffer = 16 * kKiB;
inline constexpr std::size_t kLargestBuffer = 4 * kMiB;
/// Chunks per transfer: one withheld, one to spare, and eight that one system call fills or sends (docs/adr/0005).
inline constexpr std::size_t kChunksPerQueue = 10;

/// Blobs in flight where the user does not say: twice the processors, within these.
inline constexpr unsigned kMinimumDefaultJobs = 4;
inline constexpr unsigned kMaximumDefaultJobs = 8;

/// containers-certs.d(5) and docker's own place, in the order in which they are looked at.
inline constexpr std::string_view kCertificateDirectoriesText =
    "/etc/containers/certs.d, /etc/docker/certs.d, ~/.config/containers/certs.d";

/// How long clean-up may take after a signal or a deadline before the process leaves anyway.
inline constexpr Duration kCleanUpGrace{5000};

}  // namespace freightliner::cli
