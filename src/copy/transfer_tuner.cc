#include "freightliner/copy/transfer_tuner.h"

#include <algorithm>

namespace freightliner::copy {
namespace {

// The rate was measured with the queue that there was: where that was the limit, twice of it shows what more there is.
constexpr double kHeadroom = 2;
constexpr double kWeightOfNew = 0.25;

}  // namespace

FineDuration TransferTuner::Answers::shortest() const {
  const auto known = static_cast<std::ptrdiff_t>(std::min(count, kAnswers));
  return known == 0 ? FineDuration(0) : *std::min_element(ring.begin(), ring.begin() + known);
}

std::size_t TransferTuner::chunk_size(const Route& route) const {
  const double queue = routes_.with([&](const std::map<Route, State>& routes) -> double {
    const auto found = routes.find(route);
    if (found == routes.end()) return 0;
    const auto& ends = found->second.ends;
    const FineDuration round_trip = std::max(ends[0].shortest(), ends[1].shortest());
    if (round_trip < kNear) return 0;
    return kHeadroom * found->second.rate * std::chrono::duration<double>(round_trip).count();
  });
  const double chunk = std::clamp(queue / static_cast<double>(limits_.chunks), static_cast<double>(limits_.smallest),
                                  static_cast<double>(limits_.largest));
  return io::buffer_capacity(static_cast<std::size_t>(chunk));
}

void TransferTuner::note_answer(const Route& route, End end, FineDuration time) {
  routes_.with([&](std::map<Route, State>& routes) {
    Answers& answers = routes[route].ends[static_cast<std::size_t>(end)];
    answers.ring[answers.count++ % kAnswers] = time;
  });
}

void TransferTuner::note_transfer(const Route& route, std::uint64_t bytes, FineDuration time) {
  if (bytes < kLeastBytes || time <= FineDuration(0)) return;
  const double rate = static_cast<double>(bytes) / std::chrono::duration<double>(time).count();
  routes_.with([&](std::map<Route, State>& routes) {
    double& smoothed = routes[route].rate;
    smoothed = smoothed == 0 ? rate : (1 - kWeightOfNew) * smoothed + kWeightOfNew * rate;
  });
}

}  // namespace freightliner::copy
