#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "copy/copy_fixture.h"
#include "copy/recompressing_reader.h"
#include "freightliner/copy/copier.h"
#include "freightliner/copy/recompress_mark.h"
#include "freightliner/oci/json.h"
#include "freightliner/oci/manifest_rewrite.h"

namespace freightliner::copy {
namespace {

using test::MemoryDestination;
using test::MemoryRepository;
using test::MemorySource;
using ::testing::HasSubstr;

const std::string kLayer = "application/vnd.oci.image.layer.v1.tar";

std::string packed(std::string_view text, const std::string& settings) {
  const auto codec = io::make_compressor(*io::CompressionSettings::parse(settings), 1);
  std::string out;
  std::vector<std::byte> room(64 * kKiB);
  for (bool finished = false; !finished;) {
    const auto step = (*codec)->step(as_bytes(text), room, true);
    text.remove_prefix(step->consumed);
    out += as_text(ByteSpan(room).first(step->produced));
    finished = step->finished;
  }
  return out;
}

class RecompressTest : public CopyFixture {
 protected:
  CopyServices services() {
    CopyServices services = CopyFixture::services();
    services.chunk_size = 16 * kKiB;
    services.chunks_per_queue = 3;
    return services;
  }
  static CopyOptions options(std::string_view settings = "zstd") {
    CopyOptions options;
    options.recompress = RecompressOptions{*io::CompressionSettings::parse(settings), 2};
    return options;
  }
  Result<CopyReport> copy(const CopyOptions& options, const std::string& tag = "v1") {
    http::Caller caller{session_, stop_.get_token()};
    MemorySource source(from_, tag);
    MemoryDestination destination(to_, tag);
    return Copier(services()).copy(caller, source, destination, options);
  }
  oci::RawManifest add_image(const std::vector<std::string>& layers, const std::string& tag,
                             const std::string& settings = "gzip") {
    std::string diff_ids;
    std::vector<oci::Descriptor> descriptors;
    for (const std::string& text : layers) {
      diff_ids += (diff_ids.empty() ? "\"" : ",\"") + io::digest_of(text).to_string() + '"';
      descriptors.push_back(from_.add_blob(packed(text, settings), kLayer + "+" + settings));
    }
    const auto config = from_.add_blob(fmt::format(R"({{"tag":"{}","rootfs":{{"diff_ids":[{}]}}}})", tag, diff_ids),
                                       std::string(oci::kOciConfig));
    return from_.add_manifest(MemoryRepository::image_json(config, descriptors), oci::kOciManifest, tag);
  }
  /// What the tag's layers hold, one after the other.
  std::string contents(const std::string& tag) {
    std::string all;
    const auto content = oci::parse_manifest(*to_.find(tag));
    for (const oci::Descriptor& layer : std::get<oci::ImageManifest>(*content).layers) {
      EXPECT_EQ(layer.media_type, kLayer + "+zstd");
      const std::string& bytes = to_.blobs.at(layer.digest.to_string());
      EXPECT_EQ(bytes.size(), layer.size);
      EXPECT_EQ(io::digest_of(bytes), layer.digest);
      const auto codec = io::make_decompressor(oci::Compression::kZstd);
      std::vector<std::byte> room(4 * kMiB);
      all += as_text(ByteSpan(room).first((*codec)->step(as_bytes(bytes), room)->produced));
    }
    return all;
  }
  std::size_t streams() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(to_.journal, [](const std::string& entry) { return entry.starts_with("stream "); }));
  }
};

TEST_F(RecompressTest, NewLayersTheSameConfigAndAMark) {
  const auto original = add_image({"first layer", std::string(300'000, 'x')}, "v1");
  const auto report = copy(options());
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->blobs_recompressed, 2U);
  EXPECT_EQ(report->blobs_copied, 3U);
  EXPECT_EQ(report->blobs_total, 3U);
  EXPECT_EQ(contents("v1"), "first layer" + std::string(300'000, 'x'));
  const auto mark = mark_of(*to_.find("v1"));
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->source, original.digest());
  EXPECT_EQ(mark->settings, "zstd:3");
  EXPECT_EQ(report->digest, to_.find("v1")->digest());
  EXPECT_EQ(progress_.blobs_done.load(), progress_.blobs_total.load());
}

TEST_F(RecompressTest, ASecondRunWritesNothing) {
  add_image({"layer"}, "v1");
  ASSERT_TRUE(copy(options()));
  to_.journal.clear();
  const auto again = copy(options());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, CopyReport::Status::kUnchanged);
  EXPECT_EQ(again->digest, to_.find("v1")->digest());
  EXPECT_TRUE(to_.journal.empty());
  ASSERT_TRUE(copy(options("zstd:4")));
  EXPECT_EQ(mark_of(*to_.find("v1"))->settings, "zstd:4");
}

TEST_F(RecompressTest, WhatHasTheCompressionKeepsItsDigest) {
  const auto original = add_image({"layer"}, "v1", "zstd");
  const auto report = copy(options("zstd:9"));
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->digest, original.digest());
  EXPECT_EQ(report->blobs_recompressed, 0U);
  EXPECT_EQ(streams(), 0U);
  EXPECT_EQ(copy(options("zstd:9"))->status, CopyReport::Status::kUnchanged);
}

TEST_F(RecompressTest, ALayerIsPackedOnceInARun) {
  add_image({"shared", "one"}, "v1");
  add_image({"shared", "two"}, "v2");
  ASSERT_TRUE(copy(options(), "v1"));
  const auto second = copy(options(), "v2");
  ASSERT_TRUE(second) << second.error().describe();
  EXPECT_EQ(second->blobs_recompressed, 1U);
  EXPECT_EQ(streams(), 3U);
  EXPECT_EQ(contents("v2"), "sharedtwo");
}

TEST_F(RecompressTest, ABlobThatTheRegistryHasForgottenIsPackedAgain) {
  add_image({"layer", "other layer"}, "v1");
  to_.missing_blob_refusals = 1;
  const auto report = copy(options());
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(contents("v1"), "layerother layer");
}

TEST_F(RecompressTest, DryRun) {
  add_image({"layer"}, "v1");
  CopyOptions dry = options();
  dry.dry_run = true;
  const auto report = copy(dry);
  ASSERT_TRUE(report) << report.error().describe();
  EXPECT_EQ(report->status, CopyReport::Status::kPlanned);
  EXPECT_EQ(report->blobs_recompressed, 1U);
  EXPECT_TRUE(to_.journal.empty());
  EXPECT_EQ(std::ranges::count(report->plan, PlannedItem::Action::kRecompress, &PlannedItem::action), 1);
}

TEST_F(RecompressTest, WrongContentsAreRefused) {
  add_image({"layer"}, "v1");
  const std::string layer = from_.add_blob(packed("layer", "gzip"), "").digest.to_string();
  from_.blobs[layer] = packed("other", "gzip");
  const auto report = copy(options());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kIntegrity);
  EXPECT_FALSE(to_.find("v1"));
  EXPECT_TRUE(to_.blobs.empty());
}

TEST_F(RecompressTest, ATagThatMayNotBeOverwrittenCostsNoWork) {
  add_image({"layer"}, "v1");
  to_.add_image("amd64", "v1");
  CopyOptions never = options();
  never.overwrite = Overwrite::kNever;
  EXPECT_EQ(copy(never)->status, CopyReport::Status::kSkipped);
  EXPECT_EQ(streams(), 0U);
}

TEST_F(RecompressTest, ABombTakesNoMemoryAndCanBeStopped) {
  // 64 MiB of zeros in a few KiB; the reader's buffers are all there is.
  add_image({std::string(64 * kMiB, '\0')}, "v1", "zstd");
  const auto layer = std::get<oci::ImageManifest>(*oci::parse_manifest(*from_.find("v1"))).layers.front();
  MemorySource source(from_, "v1");
  const CopyServices all = services();
  const RecompressWork work{all, source, *options("gzip").recompress, {}};
  const LayerRecipe recipe{layer, io::digest_of(std::string(64 * kMiB, '\0')), oci::Compression::kZstd};
  const std::uint64_t before = buffers_.statistics().high_water_bytes;
  {
    http::Caller caller{session_, stop_.get_token()};
    io::ChunkQueue queue(buffers_, 16 * kKiB, 3);
    const auto reader = RecompressingReader::open(caller, work, recipe, queue);
    ASSERT_TRUE(reader);
    for (;;) {
      const auto chunk = (*reader)->read();
      ASSERT_TRUE(chunk) << chunk.error().describe();
      if (!*chunk) break;
    }
    EXPECT_LT(buffers_.statistics().high_water_bytes - before, 1 * kMiB);
  }
  stop_.request_stop();
  http::Caller caller{session_, stop_.get_token()};
  io::ChunkQueue queue(buffers_, 16 * kKiB, 3);
  const auto reader = RecompressingReader::open(caller, work, recipe, queue);
  EXPECT_EQ((*reader)->read().error().code(), ErrorCode::kCancelled);
}

TEST(RecompressionLedgerTest, OneWorksTheOthersWait) {
  RecompressionLedger ledger;
  const RecompressionLedger::Layer layer{io::digest_of("packed"), io::digest_of("plain")};
  const std::stop_source stop;
  const oci::Descriptor outcome{.media_type = "", .digest = io::digest_of("new"), .size = 3};
  auto first = ledger.claim(layer, stop.get_token());
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->outcome());
  std::optional<oci::Descriptor> seen;
  std::thread other([&] { seen = ledger.claim(layer, stop.get_token())->outcome(); });
  first->settle(outcome);
  other.join();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->digest, outcome.digest);
  // Another claim about the same bytes is another layer.
  EXPECT_FALSE(ledger.claim({layer.digest, io::digest_of("x")}, stop.get_token())->outcome());
}

TEST(RecompressionLedgerTest, WhoGivesUpLeavesItToTheNext) {
  RecompressionLedger ledger;
  const RecompressionLedger::Layer layer{io::digest_of("packed"), io::digest_of("plain")};
  std::stop_source stop;
  { const auto given_up = ledger.claim(layer, stop.get_token()); }
  const auto next = ledger.claim(layer, stop.get_token());
  EXPECT_FALSE(next->outcome());
  stop.request_stop();
  EXPECT_EQ(ledger.claim(layer, stop.get_token()).error().code(), ErrorCode::kCancelled);
}

TEST(RecompressMarkTest, NeedsBothAnnotations) {
  const auto mark = [](const std::string& annotations) {
    const std::string bytes = R"({"annotations":{)" + annotations + "}}";
    return mark_of(oci::RawManifest(bytes, std::string(oci::kOciManifest), io::digest_of(bytes)));
  };
  const std::string digest = io::digest_of("x").to_string();
  EXPECT_TRUE(mark(fmt::format(R"("{}":"{}","{}":"zstd:3")", kSourceDigestAnnotation, digest, kRecompressAnnotation)));
  EXPECT_FALSE(mark(fmt::format(R"("{}":"sha256:1","{}":"zstd:3")", kSourceDigestAnnotation, kRecompressAnnotation)));
  EXPECT_FALSE(mark(fmt::format(R"("{}":"{}")", kSourceDigestAnnotation, digest)));
  EXPECT_FALSE(mark(""));
}

}  // namespace
}  // namespace freightliner::copy
