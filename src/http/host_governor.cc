#include "freightliner/http/host_governor.h"

#include <algorithm>

namespace freightliner::http {

Status HostGovernor::wait_until_open(const std::string& host, const std::stop_token& stop) {
  for (;;) {
    const TimePoint now = clock_.now();
    const TimePoint open = open_again_.with([&](const auto& hosts) {
      const auto it = hosts.find(host);
      return it == hosts.end() ? now : it->second;
    });
    if (open <= now) return {};
    const auto wait = std::chrono::ceil<Duration>(open - now);
    if (!clock_.sleep_for(wait, stop)) return fail(ErrorCode::kCancelled, "stopped while waiting for " + host);
  }
}

void HostGovernor::pause(const std::string& host, Duration duration) {
  const TimePoint until = clock_.now() + duration;
  open_again_.with([&](auto& hosts) {
    TimePoint& open = hosts[host];
    open = std::max(open, until);
  });
}

}  // namespace freightliner::http
