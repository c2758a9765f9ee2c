#include "freightliner/copy/blob_ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

const oci::Digest kBlob = io::digest_of("blob");

TEST(BlobLedger, TheFirstBringsItAndTheSamePlaceHasNothingToDo) {
  BlobLedger ledger;
  {
    auto claim = ledger.claim_blob("a", kBlob, {});
    ASSERT_TRUE(claim);
    EXPECT_FALSE(claim->finding().settled);
    EXPECT_FALSE(claim->finding().elsewhere);
    claim->settle();
  }
  const auto again = ledger.claim_blob("a", kBlob, {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->finding().settled);
}

TEST(BlobLedger, AnotherPlaceIsToldWhereItIs) {
  BlobLedger ledger;
  {
    auto claim = ledger.claim_blob("a", kBlob, {});
    ASSERT_TRUE(claim);
    claim->settle();
  }
  auto other = ledger.claim_blob("b", kBlob, {});
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->finding().settled);
  EXPECT_EQ(other->finding().elsewhere, "a");
}

TEST(BlobLedger, AClaimThatIsGivenUpGoesToTheNext) {
  BlobLedger ledger;
  { ASSERT_TRUE(ledger.claim_blob("a", kBlob, {})); }
  const auto next = ledger.claim_blob("b", kBlob, {});
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->finding().settled);
  EXPECT_FALSE(next->finding().elsewhere);
}

TEST(BlobLedger, ClosuresOfOtherPlacesAreNotWaitedFor) {
  BlobLedger ledger;
  const auto first = ledger.claim_closure("a", kBlob, {});
  const auto second = ledger.claim_closure("b", kBlob, {});
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->finding().settled);
}

TEST(BlobLedger, AStopEndsTheWait) {
  BlobLedger ledger;
  const auto held = ledger.claim_blob("a", kBlob, {});
  ASSERT_TRUE(held);
  std::stop_source stop;
  std::jthread waiter([&] {
    const auto claim = ledger.claim_blob("b", kBlob, stop.get_token());
    ASSERT_FALSE(claim);
    EXPECT_EQ(claim.error().code(), ErrorCode::kCancelled);
  });
  stop.request_stop();
}

TEST(BlobLedger, ManyThreadsBringEachBlobOnce) {
  constexpr int kThreads = 8;
  constexpr int kBlobs = 50;
  BlobLedger ledger;
  std::atomic<int> brought{0};
  std::atomic<int> mounted{0};
  std::atomic<int> failures{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int b = 0; b < kBlobs; ++b) {
        auto claim = ledger.claim_blob("place" + std::to_string(t % 4), io::digest_of(std::to_string(b)), {});
        if (!claim) {
          ++failures;
          continue;
        }
        if (claim->finding().settled) continue;
        ++(claim->finding().elsewhere ? mounted : brought);
        claim->settle();
      }
    });
  }
  threads.clear();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(brought, kBlobs);
  EXPECT_EQ(mounted, 3 * kBlobs);
}

}  // namespace
}  // namespace freightliner::copy
