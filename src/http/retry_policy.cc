#include "freightliner/http/retry_policy.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

#include "freightliner/base/text.h"

namespace freightliner::http {

std::optional<Duration> RetryPolicy::next_delay(int attempt, std::optional<Duration> retry_after, double random) const {
  if (attempt >= max_attempts) return std::nullopt;
  if (retry_after && *retry_after > max_retry_after) return std::nullopt;
  Duration ceiling = base;
  for (int i = 1; i < attempt && ceiling < max_delay; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, max_delay);
  const auto jittered = Duration(static_cast<Duration::rep>(static_cast<double>(ceiling.count()) * random));
  return std::max(jittered, retry_after.value_or(Duration(0)));
}

std::optional<Duration> parse_retry_after(std::string_view value, std::chrono::system_clock::time_point now) {
  using std::chrono::seconds;
  static constexpr seconds kYear{366LL * 24 * 3600};
  const std::string text(trim(value));
  if (text.empty()) return std::nullopt;

  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    long long count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    // More digits than a long long holds is a long time.
    return error != std::errc() ? kYear : std::min(seconds(count), kYear);
  }
  if (text.front() == '-') return Duration(0);
  const std::time_t date = curl_getdate(text.c_str(), nullptr);
  if (date == -1) return std::nullopt;
  // In seconds: a time_point counts nanoseconds, and those of the year 9999 are more than it holds.
  const seconds wait(date - std::chrono::system_clock::to_time_t(now));
  return std::clamp(wait, seconds(0), kYear);
}

}  // namespace freightliner::http
