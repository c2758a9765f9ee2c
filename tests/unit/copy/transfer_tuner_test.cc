#include "freightliner/copy/transfer_tuner.h"

#include <gtest/gtest.h>

namespace freightliner::copy {
namespace {

using std::chrono::milliseconds;
using End = TransferTuner::End;

constexpr TransferTuner::Limits kLimits{.chunks = 10};
const Route kRoute{"near.example", "far.example"};

// So many bytes per second.
void note_rate(TransferTuner& tuner, std::uint64_t rate, std::size_t chunk_size = 64 * kKiB) {
  tuner.note_transfer(kRoute, chunk_size, rate, milliseconds(1000));
}

// As many answers as it takes.
void note_distance(TransferTuner& tuner, FineDuration time, End end = End::kSource) {
  for (std::size_t i = 0; i < TransferTuner::kLeastAnswers; ++i) tuner.note_answer(kRoute, end, time);
}

TEST(TransferTuner, WantsTwiceWhatIsOnTheWay) {
  struct Case {
    std::uint64_t rate;  // bytes per second
    milliseconds round_trip;
    std::size_t chunk;
  };
  const std::vector<Case> cases = {
      {1000 * kMiB, milliseconds(49), 64 * kKiB},    // near, however fast
      {1 * kMiB, milliseconds(50), 64 * kKiB},       // 100 KiB
      {6 * kMiB, milliseconds(50), 64 * kKiB},       // 614 KiB: what the smallest queue just holds
      {7 * kMiB, milliseconds(50), 256 * kKiB},      // the next tier of the pool
      {1000 * kMiB, milliseconds(300), 256 * kKiB},  // never more than the largest
      {100 * kKiB, milliseconds(500), 64 * kKiB},    // slow and far: 100 KiB
  };
  for (const Case& c : cases) {
    TransferTuner tuner(kLimits);
    note_distance(tuner, c.round_trip);
    // The smallest transfer that counts, at this rate.
    const std::uint64_t bytes = std::max(c.rate, TransferTuner::kLeastBytes);
    const double seconds = static_cast<double>(bytes) / static_cast<double>(c.rate);
    tuner.note_transfer(kRoute, 64 * kKiB, bytes, FineDuration(static_cast<FineDuration::rep>(1e9 * seconds)));
    EXPECT_EQ(tuner.chunk_size(kRoute), c.chunk) << c.rate << " bytes/s, " << c.round_trip.count() << " ms";
  }
}

TEST(TransferTuner, BeginsSmall) {
  TransferTuner tuner(kLimits);
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
  note_rate(tuner, kGiB);
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB) << "no round trip is known";
  for (std::size_t i = 1; i < TransferTuner::kLeastAnswers; ++i) {
    tuner.note_answer(kRoute, End::kSource, milliseconds(100));
    EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB) << "few answers may all have been late";
  }
  tuner.note_answer(kRoute, End::kSource, milliseconds(100));
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
  TransferTuner other(kLimits);
  note_distance(other, milliseconds(100), End::kDestination);
  EXPECT_EQ(other.chunk_size(kRoute), 64 * kKiB) << "no rate is known";
}

TEST(TransferTuner, TheShortestAnswerCounts) {
  TransferTuner tuner(kLimits);
  note_rate(tuner, 100 * kMiB);
  note_distance(tuner, milliseconds(100));
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
  tuner.note_answer(kRoute, End::kSource, milliseconds(1));
  tuner.note_answer(kRoute, End::kSource, milliseconds(100));
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
}

TEST(TransferTuner, TheLimitsAreTheCallers) {
  TransferTuner tuner({.smallest = 16 * kKiB, .largest = 4 * kMiB, .chunks = 4});
  EXPECT_EQ(tuner.chunk_size(kRoute), 16 * kKiB);
  note_distance(tuner, milliseconds(100));
  note_rate(tuner, 100 * kMiB, 16 * kKiB);  // 10 MiB on the way
  EXPECT_EQ(tuner.chunk_size(kRoute), 4 * kMiB);
}

TEST(TransferTuner, TheFartherEndCounts) {
  TransferTuner tuner(kLimits);
  note_rate(tuner, 100 * kMiB);
  note_distance(tuner, milliseconds(1));
  note_distance(tuner, milliseconds(100), End::kDestination);
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
}

TEST(TransferTuner, KeepsLargerChunksWhereTheyPay) {
  struct Case {
    std::uint64_t larger;  // bytes per second with the larger chunks
    std::size_t chunk;
  };
  for (const Case& c : std::vector<Case>{{200 * kMiB, 256 * kKiB},
                                         {111 * kMiB, 256 * kKiB},
                                         {109 * kMiB, 64 * kKiB},
                                         {100 * kMiB, 64 * kKiB},
                                         {50 * kMiB, 64 * kKiB}}) {
    TransferTuner tuner(kLimits);
    note_distance(tuner, milliseconds(100));
    note_rate(tuner, 100 * kMiB);
    for (std::size_t i = 0; i < TransferTuner::kTrials; ++i) {
      EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB) << "a trial";
      note_rate(tuner, c.larger, 256 * kKiB);
    }
    EXPECT_EQ(tuner.chunk_size(kRoute), c.chunk) << c.larger;
  }
}

TEST(TransferTuner, SmoothsTheRate) {
  TransferTuner tuner(kLimits);
  note_distance(tuner, milliseconds(50));
  note_rate(tuner, 4 * kMiB);
  note_rate(tuner, 12 * kMiB);  // 6 MiB/s by now
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
  note_rate(tuner, 12 * kMiB);  // 7.5
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
}

TEST(TransferTuner, SmallTransfersTellNothing) {
  TransferTuner tuner(kLimits);
  note_distance(tuner, milliseconds(50));
  tuner.note_transfer(kRoute, 64 * kKiB, TransferTuner::kLeastBytes - 1, std::chrono::microseconds(1));
  tuner.note_transfer(kRoute, 64 * kKiB, kGiB, FineDuration(0));
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
}

TEST(TransferTuner, RoutesAreApart) {
  TransferTuner tuner(kLimits);
  note_distance(tuner, milliseconds(100));
  note_rate(tuner, 100 * kMiB);
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
  EXPECT_EQ(tuner.chunk_size({kRoute.destination, kRoute.source}), 64 * kKiB);
  EXPECT_EQ(tuner.chunk_size({}), 64 * kKiB);
}

}  // namespace
}  // namespace freightliner::copy
