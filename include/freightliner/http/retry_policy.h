#pragma once

#include <optional>
#include <string_view>

#include "freightliner/base/clock.h"

namespace freightliner::http {

/// When to try again: exponential back-off with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog,
/// 2015), Retry-After as the floor, both capped. Pure arithmetic; a value type.
struct RetryPolicy {
  int max_attempts = 5;
  Duration base{500};
  Duration max_delay{30'000};
  /// A server that asks for a longer pause than this is not waited for.
  Duration max_retry_after{120'000};

  /// How long to wait after failed attempt number `attempt` (from 1); nullopt where no further attempt is due. `random`
  /// is uniform in [0, 1).
  std::optional<Duration> next_delay(int attempt, std::optional<Duration> retry_after, double random) const;
};

/// Reads a Retry-After value: seconds or an HTTP date (RFC 9110, section 10.2.3). Negative and past values give 0,
/// those beyond a year a year; nullopt where it is neither.
std::optional<Duration> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace freightliner::http
