#include "freightliner/copy/transfer_tuner.h"

#include <algorithm>

#include "freightliner/io/buffer_pool.h"

namespace freightliner::copy {
namespace {

// The rate was measured with the queue that there was: where that was the limit, twice of it shows what more there is.
constexpr double kHeadroom = 2;
constexpr double kWeightOfNew = 0.25;

}  // namespace

std::size_t TransferTuner::chunk_size(const Route& route) const {
  return routes_.with([&](const std::map<Route, State>& routes) {
    const auto found = routes.find(route);
    const std::size_t smallest = io::buffer_capacity(limits_.smallest);
    if (found == routes.end()) return smallest;
    const auto& rates = found->second.rates;
    const auto usual = rates.find(smallest);
    const std::size_t larger = wanted(found->second);
    const auto tried = rates.find(larger);
    if (larger == smallest || tried == rates.end() || tried->second.transfers < kTrials) return larger;
    return tried->second.value >= kGain * usual->second.value ? larger : smallest;
  });
}

// By the rate with the smallest chunks, so that what a trial shows does not become the measure for further ones.
std::size_t TransferTuner::wanted(const State& state) const {
  const std::size_t smallest = io::buffer_capacity(limits_.smallest);
  const auto& [source, destination] = state.ends;
  const FineDuration round_trip = std::max(source.round_trip(), destination.round_trip());
  const auto usual = state.rates.find(smallest);
  if (usual == state.rates.end() || round_trip < kNear) return smallest;
  const double queue = kHeadroom * usual->second.value * std::chrono::duration<double>(round_trip).count();
  const double chunk = std::clamp(queue / static_cast<double>(limits_.chunks), static_cast<double>(smallest),
                                  static_cast<double>(limits_.largest));
  return io::buffer_capacity(static_cast<std::size_t>(chunk));
}

void TransferTuner::note_answer(const Route& route, End end, FineDuration time) {
  routes_.with([&](std::map<Route, State>& routes) {
    Answers& answers = routes[route].ends[static_cast<std::size_t>(end)];
    answers.shortest = std::min(answers.shortest, time);
    ++answers.count;
  });
}

void TransferTuner::note_transfer(const Route& route, std::size_t chunk_size, std::uint64_t bytes, FineDuration time) {
  if (bytes < kLeastBytes || time <= FineDuration(0)) return;
  const double rate = static_cast<double>(bytes) / std::chrono::duration<double>(time).count();
  routes_.with([&](std::map<Route, State>& routes) {
    Rate& smoothed = routes[route].rates[chunk_size];
    smoothed.value = smoothed.transfers == 0 ? rate : (1 - kWeightOfNew) * smoothed.value + kWeightOfNew * rate;
    ++smoothed.transfers;
  });
}

}  // namespace freightliner::copy
