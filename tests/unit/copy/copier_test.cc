#include "freightliner/copy/copier.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "copy/copy_fixture.h"
#include "copy/copy_plan.h"
#include "copy/referrers.h"

namespace freightliner::copy {
namespace {

using test::MemoryDestination;
using test::MemoryRepository;
using test::MemorySource;

class CopierTest : public CopyFixture {
 protected:
  // One run each: what another run knows is not known here.
  Result<CopyReport> copy(const CopyOptions& options = {}) {
    BlobLedger ledger;
    return copy(ledger, memory_, options);
  }
  Result<CopyReport> copy(BlobLedger& ledger, runtime::MemoryGovernor& memory, const CopyOptions& options = {}) {
    http::Caller caller{session_, stop_.get_token()};
    ReferrerLists lists;
    CopyServices services = services_with(memory);
    services.ledger = ledger;
    services.lists = lists;
    return Copier(services).copy(caller, source_, destination_, options);
  }
  oci::RawManifest add_index(const std::vector<std::string>& architectures, const std::string& tag) {
    std::vector<oci::Descriptor> children;
    for (const std::string& architecture : architectures) {
      oci::Descriptor child = from_.add_image(architecture).descriptor();
      child.platform = *oci::Platform::parse("linux/" + architecture);
      children.push_back(std::move(child));
    }
    return from_.add_manifest(oci::serialize_index(oci::kOciIndex, children), oci::kOciIndex, tag);
  }
  std::size_t position(const std::string& entry) const {
    return static_cast<std::size_t>(std::ranges::find(to_.journal, entry) - to_.journal.begin());
  }

  MemorySource source_{from_, "v1"};
  MemoryDestination destination_{to_, "v2"};
};

TEST_F(CopierTest, EveryBlobReservesItsMemory) {
  add_index({"amd64", "arm64"}, "v1");
  const auto report = copy();
  ASSERT_TRUE(report) << report.error().describe();
  const auto statistics = memory_.statistics();
  EXPECT_EQ(statistics.reservations, report->blobs_copied);
  EXPECT_EQ(statistics.reserved_bytes, 0U);
  EXPECT_GE(statistics.reserved_high_water_bytes, 3 * 16 * kKiB + runtime::kTransferOverhead);
}

TEST_F(CopierTest, CopiesWithTheSmallestQueues) {
  runtime::MemoryGovernor little(buffers_, clock_, {.budget = {1, runtime::BudgetSource::kOption}, .interval = {}});
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto layer = from_.add_blob(std::string(3 * kMiB, 'x'));
  const auto image = from_.add_manifest(MemoryRepository::image_json(config, {layer}), oci::kOciManifest, "v1");
  BlobLedger ledger;
  const auto report = copy(ledger, little);
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->digest, image.digest());
  EXPECT_EQ(to_.blobs, from_.blobs);
  EXPECT_LE(buffers_.statistics().high_water_bytes, 3 * 16 * kKiB);
}

TEST_F(CopierTest, EveryByteMovesInAChunkOfThePool) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto large = from_.add_blob(std::string(20 * kMiB, 'x'));
  const auto small = from_.add_blob("a few bytes");
  from_.add_manifest(MemoryRepository::image_json(config, {large, small}), oci::kOciManifest, "v1");
  const auto report = copy();
  ASSERT_TRUE(report) << report.error().describe();
  const auto statistics = buffers_.statistics();
  EXPECT_EQ(progress_.bytes_moved.load(), config.size + large.size + small.size);
  EXPECT_GE(statistics.chunk_bytes, progress_.bytes_moved.load());
  EXPECT_LT(statistics.bytes_acquired, kMiB) << "and the chunks of a transfer are used again and again";
}

TEST_F(CopierTest, WritesBlobsThenChildrenThenTheTagLast) {
  const auto root = add_index({"amd64", "arm64"}, "v1");
  const auto report = copy();
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->status, CopyReport::Status::kCopied);
  EXPECT_EQ(report->digest, root.digest());
  EXPECT_EQ(report->blobs_copied, 4U);
  EXPECT_EQ(to_.blobs, from_.blobs);
  EXPECT_EQ(to_.find("v2")->bytes(), root.bytes());
  ASSERT_EQ(to_.journal.size(), 8U);  // 4 blobs, 2 children, the tag, finish
  EXPECT_EQ(position("tag v2"), 6U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(to_.journal[i].starts_with("blob ")) << to_.journal[i];
  EXPECT_EQ(to_.journal.back(), "finish");
}

TEST_F(CopierTest, SecondRunWritesNothing) {
  add_index({"amd64", "arm64"}, "v1");
  ASSERT_TRUE(copy());
  to_.journal.clear();
  const auto report = copy();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, CopyReport::Status::kUnchanged);
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, OverwriteNeverKeepsAnotherDigest) {
  from_.add_image("amd64", "v1");
  const auto old = to_.add_image("arm64", "v2");
  const auto report = copy({.overwrite = Overwrite::kNever});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, CopyReport::Status::kSkipped);
  EXPECT_EQ(to_.find("v2")->digest(), old.digest());
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, OverwriteAlwaysWritesTheTagAgain) {
  from_.add_image("amd64", "v1");
  ASSERT_TRUE(copy());
  to_.journal.clear();
  const auto report = copy({.overwrite = Overwrite::kAlways});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blobs_present, 2U);
  EXPECT_EQ(to_.journal, (std::vector<std::string>{"tag v2", "finish"}));
}

TEST_F(CopierTest, OnePlatformBecomesThatManifest) {
  add_index({"amd64", "arm64"}, "v1");
  const auto wanted = from_.add_image("arm64");
  const auto report = copy({.platforms = {*oci::Platform::parse("linux/arm64")}});
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->digest, wanted.digest());
  EXPECT_EQ(to_.blobs.size(), 2U);
}

TEST_F(CopierTest, SeveralPlatformsBecomeANewIndexInTheOldOrder) {
  add_index({"amd64", "arm64", "riscv64"}, "v1");
  const auto report =
      copy({.platforms = {*oci::Platform::parse("linux/riscv64"), *oci::Platform::parse("linux/amd64")}});
  ASSERT_TRUE(report) << report.error().describe();
  const auto content = oci::parse_manifest(*to_.find("v2"));
  ASSERT_TRUE(content);
  const auto children = oci::children_of(*content);
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(children[0].platform->architecture, "amd64");
  EXPECT_EQ(children[1].platform->architecture, "riscv64");
}

TEST_F(CopierTest, MissingPlatformLeavesNoTag) {
  add_index({"amd64"}, "v1");
  const auto report = copy({.platforms = {*oci::Platform::parse("linux/s390x")}});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(report.error().message().find("linux/amd64"), std::string::npos);
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, PlainImageIsCheckedAgainstThePlatform) {
  from_.add_image("amd64", "v1");
  EXPECT_TRUE(copy({.platforms = {*oci::Platform::parse("linux/amd64")}}));
  const auto other = copy({.platforms = {*oci::Platform::parse("linux/arm64")}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kNotFound);
}

TEST_F(CopierTest, DryRunWritesNothingAndTellsWhatWouldMove) {
  from_.add_image("amd64", "v1");
  const auto report = copy({.dry_run = true});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, CopyReport::Status::kPlanned);
  EXPECT_EQ(report->blobs_copied, 2U);
  EXPECT_EQ(report->plan.size(), 4U);  // 2 blobs, the manifest, the tag
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, AlsoTagsNameTheSameImage) {
  const auto image = from_.add_image("amd64", "v1");
  const auto report = copy({.also_tags = {"latest", "v2", "latest"}});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->tags_written, 2U);
  EXPECT_EQ(to_.find("latest")->digest(), image.digest());
  // A tag that is missing is written though the main one is there.
  to_.tags.erase("latest");
  ASSERT_TRUE(copy({.also_tags = {"latest"}}));
  EXPECT_EQ(to_.find("latest")->digest(), image.digest());
}

TEST_F(CopierTest, WrongDestinationDigestIsRefusedBeforeAnythingMoves) {
  from_.add_image("amd64", "v1");
  destination_.pin(io::digest_of("something else"));
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kUsage);
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, CorruptBlobFailsTheCopyAndLeavesNoTag) {
  from_.add_image("amd64", "v1");
  for (auto& [digest, bytes] : from_.blobs) bytes[0] ^= 1;
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kIntegrity);
  EXPECT_TRUE(to_.tags.empty());
}

TEST_F(CopierTest, BlobsThatTheRegistryLostAreBroughtAgainOnce) {
  from_.add_image("amd64", "v1");
  to_.missing_blob_refusals = 1;
  const auto report = copy();
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(to_.blobs, from_.blobs);
  to_.missing_blob_refusals = 2;
  to_.tags.clear();
  EXPECT_FALSE(copy());
}

TEST_F(CopierTest, ReferrersComeAlongAndAreListedInTheFallbackTag) {
  const auto image = from_.add_image("amd64", "v1");
  const auto empty = from_.add_blob("{}", std::string(oci::kOciEmpty));
  const std::string subject = ",\"subject\":" + MemoryRepository::descriptor_json(image.descriptor());
  const auto sbom =
      from_.add_manifest(MemoryRepository::image_json(empty, {from_.add_blob("sbom")}, subject), oci::kOciManifest);
  const auto signature = from_.add_manifest(MemoryRepository::image_json(empty, {from_.add_blob("sig")}),
                                            oci::kOciManifest, "sha256-" + image.digest().hex() + ".sig");
  from_.add_manifest(oci::serialize_index(oci::kOciIndex, {*referrer_descriptor(sbom)}), oci::kOciIndex,
                     fallback_tag(image.digest()));

  const auto report = copy({.referrers = true});
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->referrers, 2U);
  EXPECT_EQ(to_.find("sha256-" + image.digest().hex() + ".sig")->digest(), signature.digest());
  const auto listed = oci::parse_manifest(*to_.find(fallback_tag(image.digest())));
  ASSERT_TRUE(listed);
  EXPECT_EQ(oci::children_of(*listed).at(0).digest, sbom.digest());
  EXPECT_GT(position("tag v2"), position("tag " + fallback_tag(image.digest())));

  to_.journal.clear();
  const auto again = copy({.referrers = true});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, CopyReport::Status::kUnchanged);
  EXPECT_TRUE(to_.journal.empty());
}

TEST_F(CopierTest, FallbackTagKeepsWhatItListed) {
  const auto image = to_.add_image("amd64", "v2");
  http::Session session(http::SessionOptions{}, caches_, Logger());
  http::Caller caller{session, stop_.get_token()};
  const auto first = to_.add_image("arm64").descriptor();
  const auto second = to_.add_image("riscv64").descriptor();
  ASSERT_TRUE(list_in_fallback_tag(services(), destination_, caller, image.digest(), first));
  ASSERT_TRUE(list_in_fallback_tag(services(), destination_, caller, image.digest(), second));
  ASSERT_TRUE(list_in_fallback_tag(services(), destination_, caller, image.digest(), first));
  const auto children = oci::children_of(*oci::parse_manifest(*to_.find(fallback_tag(image.digest()))));
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(children[0].digest, first.digest);
}

TEST_F(CopierTest, NestingIsBounded) {
  auto nested = from_.add_image("amd64");
  const auto wrap = [&](int times) {
    for (int i = 0; i < times; ++i)
      nested = from_.add_manifest(oci::serialize_index(oci::kOciIndex, {nested.descriptor()}), oci::kOciIndex);
    from_.tags.insert_or_assign("v1", nested.digest());
  };
  wrap(16);
  ASSERT_TRUE(copy());
  wrap(1);
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kProtocol);
}

TEST_F(CopierTest, OneDigestWithTwoSizesIsAnIntegrityError) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto image = from_.add_manifest(MemoryRepository::image_json(config, {}), oci::kOciManifest);
  auto lie = image.descriptor();
  lie.size += 1;
  from_.add_manifest(oci::serialize_index(oci::kOciIndex, {lie}), oci::kOciIndex, "v1");
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kIntegrity);
}

// CVE-2021-41190's cousin: one digest in two roles has to arrive in both.
TEST_F(CopierTest, BytesThatAreALayerAndAManifestArriveAsBoth) {
  const auto inner = from_.add_image("amd64");
  from_.add_blob(inner.bytes());
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  auto layer = inner.descriptor();
  layer.media_type = "application/vnd.oci.image.layer.v1.tar";
  const auto outer = from_.add_manifest(MemoryRepository::image_json(config, {layer}), oci::kOciManifest);
  from_.add_manifest(oci::serialize_index(oci::kOciIndex, {outer.descriptor(), inner.descriptor()}), oci::kOciIndex,
                     "v1");
  ASSERT_TRUE(copy());
  EXPECT_EQ(to_.blobs, from_.blobs);
  EXPECT_TRUE(to_.manifests.contains(inner.digest().to_string()));
}

TEST_F(CopierTest, ALayerThatIsForeignInOneImageAndOrdinaryInAnotherIsCopied) {
  const auto config = from_.add_blob("{}", std::string(oci::kOciConfig));
  const auto layer = from_.add_blob("base layer");
  auto foreign = layer;
  foreign.media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  const auto first = from_.add_manifest(MemoryRepository::image_json(config, {foreign}), oci::kOciManifest);
  const auto second = from_.add_manifest(MemoryRepository::image_json(config, {layer}), oci::kOciManifest);
  from_.add_manifest(oci::serialize_index(oci::kOciIndex, {first.descriptor(), second.descriptor()}), oci::kOciIndex,
                     "v1");
  const auto report = copy();
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->blobs_foreign, 0U);
  EXPECT_EQ(to_.blobs, from_.blobs);
}

TEST_F(CopierTest, ADigestThatTheDestinationHasIsOnlyTagged) {
  const auto index = add_index({"amd64", "arm64"}, "v1");
  ASSERT_TRUE(copy());
  to_.tags.clear();
  to_.journal.clear();
  ASSERT_TRUE(copy());
  EXPECT_EQ(to_.journal, (std::vector<std::string>{"tag v2", "finish"}));
  EXPECT_EQ(to_.find("v2")->digest(), index.digest());
}

TEST_F(CopierTest, OverwriteNeverKeepsSignaturesToo) {
  const auto image = from_.add_image("amd64", "v1");
  const std::string tag = "sha256-" + image.digest().hex() + ".sig";
  from_.add_image("arm64", tag);
  const auto kept = to_.add_image("riscv64", tag);
  const auto report = copy({.overwrite = Overwrite::kNever, .referrers = true});
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->status, CopyReport::Status::kSkipped);
  EXPECT_EQ(to_.find(tag)->digest(), kept.digest());
  EXPECT_EQ(to_.find("v2")->digest(), image.digest());
}

TEST_F(CopierTest, ATagThatIsNoReferrersListIsNotOverwritten) {
  const auto image = to_.add_image("amd64", "v2");
  const auto other = to_.add_image("arm64", fallback_tag(image.digest()));
  http::Session session(http::SessionOptions{}, caches_, Logger());
  http::Caller caller{session, stop_.get_token()};
  const Status listed = list_in_fallback_tag(services(), destination_, caller, image.digest(), other.descriptor());
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code(), ErrorCode::kDenied);
  EXPECT_EQ(to_.find(fallback_tag(image.digest()))->digest(), other.digest());
}

/// The source's tags v1 and v2 have one subject, whose referrers a tag may list.
class ReferrerListTest : public CopierTest {
 protected:
  oci::RawManifest add_artifact(const std::string& content, const std::string& tag) {
    const auto empty = from_.add_blob("{}", std::string(oci::kOciEmpty));
    const std::string subject = ",\"subject\":" + MemoryRepository::descriptor_json(subject_.descriptor());
    return from_.add_manifest(MemoryRepository::image_json(empty, {from_.add_blob(content)}, subject),
                              oci::kOciManifest, tag);
  }
  oci::RawManifest add_list(const std::vector<oci::RawManifest>& artifacts) {
    std::vector<oci::Descriptor> entries;
    for (const auto& artifact : artifacts) entries.push_back(*referrer_descriptor(artifact));
    return from_.add_manifest(oci::serialize_index(oci::kOciIndex, entries), oci::kOciIndex, list_);
  }
  /// A copy of the run whose lists are `lists`.
  Result<CopyReport> copy_tag(ReferrerLists& lists, const std::string& tag) {
    BlobLedger ledger;
    http::Caller caller{session_, stop_.get_token()};
    CopyServices services = this->services();
    services.ledger = ledger;
    services.lists = lists;
    MemorySource source(from_, tag);
    MemoryDestination destination(to_, tag);
    return Copier(services).copy(caller, source, destination, {});
  }

  const oci::RawManifest subject_ = from_.add_image("amd64");
  const std::string list_ = fallback_tag(subject_.digest());
  const oci::RawManifest one_ = add_artifact("one", "v1");
  const oci::RawManifest two_ = add_artifact("two", "v2");
};

TEST_F(ReferrerListTest, WhatHasASubjectIsStoredThenListedThenTagged) {
  ASSERT_TRUE(copy({.also_tags = {"v3"}}));
  EXPECT_LT(position("manifest " + one_.digest().to_string()), position("tag " + list_));
  EXPECT_LT(position("tag " + list_), position("tag v2"));
  EXPECT_EQ(to_.find("v3")->digest(), one_.digest());
  EXPECT_EQ(std::ranges::count(to_.journal, "manifest " + one_.digest().to_string()), 1);
  EXPECT_EQ(std::ranges::count(to_.journal, "tag " + list_), 1);
}

TEST_F(ReferrerListTest, ADestinationThatListsByItselfGetsNoList) {
  to_.indexes_subjects = true;
  ASSERT_TRUE(copy());
  EXPECT_FALSE(to_.find(list_));
  EXPECT_EQ(to_.find("v2")->digest(), one_.digest());
}

TEST_F(ReferrerListTest, AListThatFailsLeavesTheTagAndTheNextRunConverges) {
  const auto old = to_.add_image("arm64", "v2");
  to_.add_image("riscv64", list_);
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kDenied);
  EXPECT_EQ(to_.find("v2")->digest(), old.digest());
  to_.tags.erase(list_);
  ASSERT_TRUE(copy());
  EXPECT_EQ(to_.find("v2")->digest(), one_.digest());
  EXPECT_EQ(to_.find(list_)->digest(), add_list({one_}).digest());
}

TEST_F(ReferrerListTest, AListThatIsCopiedAsATagIsTheSourcesInTheEnd) {
  const auto list = add_list({one_});  // lacks the other
  for (const auto& order : {std::vector<std::string>{list_, "v1", "v2"}, {"v1", "v2", list_}, {"v2", list_, "v1"}}) {
    ReferrerLists lists;
    for (const std::string& tag : order) {
      const auto report = copy_tag(lists, tag);
      ASSERT_TRUE(report) << report.error().describe();
      EXPECT_EQ(to_.find(tag)->digest(), report->digest);
    }
    EXPECT_EQ(to_.find(list_)->digest(), list.digest());
    to_.tags.clear();
    to_.manifests.clear();
  }
}

TEST_F(ReferrerListTest, AListThatWasFoundEqualStaysSo) {
  const auto list = add_list({one_});
  ReferrerLists earlier;
  ASSERT_TRUE(copy_tag(earlier, list_));
  ReferrerLists lists;
  const auto report = copy_tag(lists, list_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, CopyReport::Status::kUnchanged);
  ASSERT_TRUE(copy_tag(lists, "v2"));
  EXPECT_EQ(to_.find(list_)->digest(), list.digest());
}

TEST_F(ReferrerListTest, CopiesThatAreToldOfOneByOneAddToACopiedList) {
  add_list({one_});
  ReferrerLists lists(ReferrerLists::Memory::kNone);
  ASSERT_TRUE(copy_tag(lists, list_));
  ASSERT_TRUE(copy_tag(lists, "v2"));
  EXPECT_EQ(to_.find(list_)->digest(), add_list({one_, two_}).digest());
}

TEST_F(ReferrerListTest, TheFormOfFallbackTags) {
  const std::string hex(64, 'a');
  EXPECT_TRUE(is_fallback_tag(fallback_tag(subject_.digest())));
  EXPECT_TRUE(is_fallback_tag(fallback_tag(*oci::Digest::parse("sha512:" + hex + hex))));
  for (const std::string& tag : {"sha256-" + hex + ".sig", "sha256-" + hex + "a", "sha256-" + hex.substr(1),
                                 "md5-" + hex, "sha256-" + std::string(64, 'g'), std::string("v1"), std::string()}) {
    EXPECT_FALSE(is_fallback_tag(tag)) << tag;
  }
}

TEST_F(CopierTest, AStopEndsTheCopyWithoutATag) {
  from_.add_image("amd64", "v1");
  stop_.request_stop();
  const auto report = copy();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(to_.tags.empty());
}

}  // namespace
}  // namespace freightliner::copy
