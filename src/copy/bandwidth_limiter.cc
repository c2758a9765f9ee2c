#include "freightliner/copy/bandwidth_limiter.h"

#include <algorithm>

namespace freightliner::copy {

BandwidthLimiter::BandwidthLimiter(Clock& clock, std::optional<std::uint64_t> overall,
                                   std::map<std::string, std::uint64_t> by_host)
    : clock_(clock), unlimited_(!overall && by_host.empty()) {
  lanes_.with([&](auto& lanes) {
    if (overall) lanes[""].rate = static_cast<double>(*overall);
    for (const auto& [host, rate] : by_host) lanes[host].rate = static_cast<double>(rate);
  });
}

TimePoint BandwidthLimiter::reserve(Lane& lane, std::uint64_t bytes, TimePoint now) {
  const auto time = std::chrono::duration_cast<TimePoint::duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) / lane.rate));
  lane.next = std::max(lane.next, now) + time;
  return lane.next;
}

Status BandwidthLimiter::take(std::uint64_t bytes, const std::string& source_host, const std::string& destination_host,
                              const std::stop_token& stop) {
  if (unlimited_) return {};
  const TimePoint now = clock_.now();
  const TimePoint through = lanes_.with([&](auto& lanes) {
    TimePoint latest = now;
    const auto use = [&](const std::string& name) {
      const auto lane = lanes.find(name);
      if (lane != lanes.end()) latest = std::max(latest, reserve(lane->second, bytes, now));
    };
    use("");
    if (!source_host.empty()) use(source_host);
    if (!destination_host.empty() && destination_host != source_host) use(destination_host);
    return latest;
  });
  const auto wait = std::chrono::ceil<Duration>(through - now);
  if (wait <= Duration(0)) return {};
  const bool slept = clock_.sleep_for(wait, stop);
  waits_.with([&](runtime::WaitStatistics& waits) {
    ++waits.count;
    waits.time += std::chrono::duration_cast<Duration>(clock_.now() - now);
  });
  if (slept) return {};
  return fail(ErrorCode::kCancelled, "stopped");
}

}  // namespace freightliner::copy
