#include "freightliner/copy/transfer_tuner.h"

#include <gtest/gtest.h>

namespace freightliner::copy {
namespace {

using std::chrono::milliseconds;
using End = TransferTuner::End;

constexpr TransferTuner::Limits kLimits{.chunks = 10};
const Route kRoute{"near.example", "far.example"};

// So many bytes per second.
void note_rate(TransferTuner& tuner, std::uint64_t rate, const Route& route = kRoute) {
  tuner.note_transfer(route, rate, milliseconds(1000));
}

TEST(TransferTuner, WantsTwiceWhatIsOnTheWay) {
  struct Case {
    std::uint64_t rate;  // bytes per second
    milliseconds round_trip;
    std::size_t chunk;
  };
  const std::vector<Case> cases = {
      {100 * kMiB, milliseconds(1), 64 * kKiB},    // near, however fast
      {1 * kMiB, milliseconds(20), 64 * kKiB},     // 40 KiB under way
      {15 * kMiB, milliseconds(20), 64 * kKiB},    // 614 KiB: what the smallest queue just holds
      {17 * kMiB, milliseconds(20), 256 * kKiB},   // the next tier of the pool
      {60 * kMiB, milliseconds(20), 256 * kKiB},   // 2.4 MiB
      {70 * kMiB, milliseconds(20), kMiB},         // 2.8 MiB
      {10 * kMiB, milliseconds(200), kMiB},        // 4 MiB
      {1000 * kMiB, milliseconds(300), kMiB},      // never more than the largest
      {100 * kKiB, milliseconds(500), 64 * kKiB},  // slow and far: 100 KiB
      {2 * kGiB, milliseconds(10'000), 1 * kMiB},
  };
  for (const Case& c : cases) {
    TransferTuner tuner(kLimits);
    tuner.note_answer(kRoute, End::kSource, c.round_trip);
    // The smallest transfer that counts, at this rate.
    tuner.note_transfer(
        kRoute, std::max(c.rate, TransferTuner::kLeastBytes),
        FineDuration(static_cast<FineDuration::rep>(
            1e9 * static_cast<double>(std::max(c.rate, TransferTuner::kLeastBytes)) / static_cast<double>(c.rate))));
    EXPECT_EQ(tuner.chunk_size(kRoute), c.chunk) << c.rate << " bytes/s, " << c.round_trip.count() << " ms";
  }
}

TEST(TransferTuner, BeginsSmall) {
  TransferTuner tuner(kLimits);
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
  note_rate(tuner, kGiB);
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB) << "no round trip is known";
  TransferTuner other(kLimits);
  other.note_answer(kRoute, End::kDestination, milliseconds(100));
  EXPECT_EQ(other.chunk_size(kRoute), 64 * kKiB) << "no rate is known";
}

TEST(TransferTuner, TheShortestOfTheLastAnswersCounts) {
  TransferTuner tuner(kLimits);
  note_rate(tuner, 100 * kMiB);
  tuner.note_answer(kRoute, End::kSource, milliseconds(1));
  for (std::size_t i = 1; i < TransferTuner::kAnswers; ++i) tuner.note_answer(kRoute, End::kSource, milliseconds(100));
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
  tuner.note_answer(kRoute, End::kSource, milliseconds(100));  // the short one is too old now
  EXPECT_EQ(tuner.chunk_size(kRoute), kMiB);
}

TEST(TransferTuner, TheFartherEndCounts) {
  TransferTuner tuner(kLimits);
  note_rate(tuner, 100 * kMiB);
  tuner.note_answer(kRoute, End::kSource, milliseconds(1));
  tuner.note_answer(kRoute, End::kDestination, milliseconds(100));
  EXPECT_EQ(tuner.chunk_size(kRoute), kMiB);
}

TEST(TransferTuner, SmoothsTheRate) {
  TransferTuner tuner(kLimits);
  tuner.note_answer(kRoute, End::kSource, milliseconds(20));
  note_rate(tuner, 10 * kMiB);
  note_rate(tuner, 30 * kMiB);  // 15 MiB/s by now
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
  note_rate(tuner, 30 * kMiB);  // 18.75
  EXPECT_EQ(tuner.chunk_size(kRoute), 256 * kKiB);
}

TEST(TransferTuner, SmallTransfersTellNothing) {
  TransferTuner tuner(kLimits);
  tuner.note_answer(kRoute, End::kSource, milliseconds(20));
  tuner.note_transfer(kRoute, TransferTuner::kLeastBytes - 1, std::chrono::microseconds(1));
  tuner.note_transfer(kRoute, kGiB, FineDuration(0));
  EXPECT_EQ(tuner.chunk_size(kRoute), 64 * kKiB);
}

TEST(TransferTuner, RoutesAreApart) {
  TransferTuner tuner(kLimits);
  tuner.note_answer(kRoute, End::kSource, milliseconds(100));
  note_rate(tuner, 100 * kMiB);
  EXPECT_EQ(tuner.chunk_size(kRoute), kMiB);
  EXPECT_EQ(tuner.chunk_size({kRoute.destination, kRoute.source}), 64 * kKiB);
  EXPECT_EQ(tuner.chunk_size({}), 64 * kKiB);
}

}  // namespace
}  // namespace freightliner::copy
