#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "freightliner/base/bytes.h"
#include "freightliner/base/guarded.h"

namespace freightliner::copy {

/// The two ends of a transfer by their registries; empty where one is local.
struct Route {
  std::string source = {};
  std::string destination = {};
  auto operator<=>(const Route&) const = default;
};

/// How long something took that is shorter than the milliseconds of Duration.
using FineDuration = std::chrono::nanoseconds;

/// Chooses the chunk size of each transfer by what earlier transfers of the run have shown of its route. A queue should
/// hold what is on the way, the rate times the round trip (the bandwidth-delay product, RFC 7323, section 1.1), or the
/// one side may wait for the other; twice that is asked for, because the rate was measured with the smaller queue. But
/// the kernel's own buffers hold much of it. So larger chunks are tried for kTrials transfers, and kept only where
/// those were faster. Near routes have the smallest. What is asked for is only wanted: the memory governor may give
/// less. Safe from any thread.
class TransferTuner {
 public:
  struct Limits {
    std::size_t smallest = 64 * kKiB;  ///< bytes per chunk, also where nothing is known yet
    std::size_t largest = 256 * kKiB;
    std::size_t chunks = 1;  ///< per queue
  };
  explicit TransferTuner(const Limits& limits) : limits_(limits) {}

  /// Bytes per chunk for the next transfer on this route: the capacity of a tier of the pool.
  std::size_t chunk_size(const Route& route) const;

  enum class End { kSource, kDestination };
  /// A request took so long to be answered by this end. The shortest time of all counts, when there were kLeastAnswers:
  /// what was longer was not the way, but a server's work, a login or a queue. Of the two ends the farther one counts.
  void note_answer(const Route& route, End end, FineDuration time);
  /// A transfer is through, with chunks of this size: so many bytes in so much time, from the source's first answer to
  /// the destination's last. Those below kLeastBytes tell nothing of the rate. Smoothed: a new one counts for a
  /// quarter.
  void note_transfer(const Route& route, std::size_t chunk_size, std::uint64_t bytes, FineDuration time);

  /// Transfers with larger chunks before it is judged whether they pay.
  static constexpr std::size_t kTrials = 3;
  /// How many times faster they have to be.
  static constexpr double kGain = 1.1;
  static constexpr std::uint64_t kLeastBytes = kMiB;
  static constexpr std::size_t kLeastAnswers = 4;
  /// Below this the kernel's buffers hold what is on the way, and on a busy machine registries take as long to answer:
  /// such a route counts as near.
  static constexpr FineDuration kNear = std::chrono::milliseconds(50);

 private:
  struct Answers {
    FineDuration shortest = FineDuration::max();
    std::size_t count = 0;
    /// 0 where it is not known.
    FineDuration round_trip() const { return count < kLeastAnswers ? FineDuration(0) : shortest; }
  };
  struct Rate {
    double value = 0;  // bytes per second
    std::size_t transfers = 0;
  };
  struct State {
    std::array<Answers, 2> ends = {};
    std::map<std::size_t, Rate> rates = {};  // by chunk size
  };
  std::size_t wanted(const State& state) const;

  const Limits limits_;
  Guarded<std::map<Route, State>> routes_;
};

}  // namespace freightliner::copy
