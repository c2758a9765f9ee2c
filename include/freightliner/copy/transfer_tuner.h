#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "freightliner/base/bytes.h"
#include "freightliner/base/guarded.h"
#include "freightliner/io/buffer_pool.h"

namespace freightliner::copy {

/// The two ends of a transfer by their registries; empty where one is local.
struct Route {
  std::string source = {};
  std::string destination = {};
  auto operator<=>(const Route&) const = default;
};

/// How long something took that is shorter than the milliseconds of Duration.
using FineDuration = std::chrono::nanoseconds;

/// Chooses the chunk size of each transfer by what earlier transfers of the run have shown of its route: a queue has to
/// hold what is on the way, the rate times the round trip (the bandwidth-delay product, RFC 7323, section 1.1), or the
/// one side waits for the other. Twice that is asked for, because the rate was measured with the smaller queue. On near
/// routes the smallest chunks do, however fast they are. What is asked for is only wanted: the memory governor may give
/// less. Safe from any thread.
class TransferTuner {
 public:
  struct Limits {
    std::size_t smallest = 64 * kKiB;  ///< bytes per chunk, also where nothing is known yet
    std::size_t largest = io::kMaxCopyBufferSize;
    std::size_t chunks = 1;  ///< per queue
  };
  explicit TransferTuner(const Limits& limits) : limits_(limits) {}

  /// Bytes per chunk for the next transfer on this route: the capacity of a tier of the pool.
  std::size_t chunk_size(const Route& route) const;

  enum class End { kSource, kDestination };
  /// This end took so long to answer before a blob could move: one round trip, or two where a destination is asked
  /// whether it has the blob first. The shortest of the last kAnswers counts: what was longer was not the way, but a
  /// server's work, a login or a queue. Of the two ends the farther one counts.
  void note_answer(const Route& route, End end, FineDuration time);
  /// A transfer is through: so many bytes in so much time, from the source's first answer to the destination's last.
  /// Those below kLeastBytes tell nothing of the rate. Smoothed: a new one counts for a quarter.
  void note_transfer(const Route& route, std::uint64_t bytes, FineDuration time);

  static constexpr std::size_t kAnswers = 16;
  static constexpr std::uint64_t kLeastBytes = kMiB;
  /// Below this it is the registries' own work that was measured, more than the way to them.
  static constexpr FineDuration kNear = std::chrono::milliseconds(2);

 private:
  struct Answers {
    std::array<FineDuration, kAnswers> ring = {};
    std::size_t count = 0;  // of all
    FineDuration shortest() const;
  };
  struct State {
    std::array<Answers, 2> ends = {};
    double rate = 0;  // bytes per second; 0: not known
  };

  const Limits limits_;
  Guarded<std::map<Route, State>> routes_;
};

}  // namespace freightliner::copy
