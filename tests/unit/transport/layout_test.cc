// Layouts in directories and in archives: what both have in common.

#include "freightliner/transport/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport/layout_fixture.h"

namespace freightliner::transport {
namespace {

using testing::HasSubstr;
using State = registry::BlobStart::State;

class Layout : public testing::TestWithParam<TransportKind> {
 protected:
  ImageName name(const std::string& suffix = "") const { return name_of(GetParam(), directory_ / "image", suffix); }
  std::unique_ptr<ImageDestination> destination(const std::string& suffix = "", bool create = true) {
    return open_destination(name(suffix), create).value();
  }
  std::unique_ptr<ImageSource> source(const std::string& suffix = "") { return open_source(name(suffix)).value(); }
  void write(const TestImage& image, const std::string& suffix) {
    const auto target = destination(suffix);
    const Status written = write_image(*target, *caller_, image, "");
    ASSERT_TRUE(written) << written.error().describe();
  }
  ErrorCode resolve_error(const std::string& suffix) {
    const auto image = source(suffix)->resolve(*caller_);
    EXPECT_FALSE(image) << suffix;
    return image ? ErrorCode::kInternal : image.error().code();
  }

  TemporaryDirectory directory_;
  OfflineCaller caller_;
};

INSTANTIATE_TEST_SUITE_P(Both, Layout, testing::Values(TransportKind::kOci, TransportKind::kOciArchive),
                         [](const auto& run) { return run.param == TransportKind::kOci ? "Directory" : "Archive"; });

TEST_P(Layout, GivesBackWhatWasWritten) {
  const TestImage image("a");
  write(image, ":v1");
  const auto read = source(":v1");
  EXPECT_EQ(read->name(), name(":v1").to_string());
  const auto resolved = read->resolve(*caller_);
  ASSERT_TRUE(resolved) << resolved.error().describe();
  EXPECT_EQ(resolved->digest, image.manifest.digest());
  EXPECT_EQ(resolved->size, image.manifest.size());
  EXPECT_EQ(resolved->media_type, oci::kOciManifest);
  EXPECT_EQ(read->root(*caller_)->bytes(), image.manifest.bytes());
  EXPECT_EQ(read->manifest(*caller_, image.manifest.descriptor())->bytes(), image.manifest.bytes());
  EXPECT_EQ(read->tagged(*caller_, "v1").value()->digest(), image.manifest.digest());
  EXPECT_FALSE(read->tagged(*caller_, "v2").value());
  EXPECT_EQ(read_blob(*read, *caller_, describe_blob(image.layer)).value(), image.layer);
  EXPECT_EQ(read_blob(*read, *caller_, describe_blob(image.config)).value(), image.config);
  EXPECT_FALSE(read->referrers(*caller_, image.manifest.digest()).value());
  EXPECT_FALSE(read->mount_origin().value());
}

TEST_P(Layout, MovesBlobsOfAllSizes) {
  // Around the chunk size of the fixture and the block size of tar.
  for (const std::size_t size : {0U, 1U, 511U, 512U, 513U, 4095U, 4096U, 4097U, 12288U, 100000U}) {
    SCOPED_TRACE(size);
    const TestImage image("x");
    const std::string blob(size, static_cast<char>('a' + size % 26));
    const auto target = destination(":v1");
    EXPECT_TRUE(write_blob(*target, *caller_, blob).value());
    EXPECT_TRUE(write_image(*target, *caller_, image, ""));
    const auto read = source(":v1");
    EXPECT_EQ(read_blob(*read, *caller_, describe_blob(blob)).value(), blob);
    std::filesystem::remove_all(directory_ / "image");
  }
}

TEST_P(Layout, TheReaderFillsChunksWhole) {
  const TestImage image(std::string(10000, 'y'));
  write(image, ":v1");
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  const auto reader = source(":v1")->open_blob(*caller_, describe_blob(image.layer), queue);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->declared_size(), image.layer.size());
  std::vector<io::Chunk> chunks;
  for (int i = 0; i < 3; ++i) chunks.push_back((*reader)->read().value());
  EXPECT_EQ(chunks[0].size(), 4096U);
  EXPECT_EQ(chunks[1].size(), 4096U);
  EXPECT_EQ(chunks[2].size(), image.layer.size() - 8192U);
  EXPECT_FALSE((*reader)->read().value()) << "the end needs no free chunk";
}

TEST_P(Layout, AReaderWithoutAFreeChunkIsAnError) {
  const TestImage image("z");
  write(image, ":v1");
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  const auto reader = source(":v1")->open_blob(*caller_, describe_blob(image.layer), queue);
  std::vector<io::Chunk> taken;
  while (queue.available() != 0) taken.push_back(queue.try_take());
  EXPECT_EQ((*reader)->read().error().code(), ErrorCode::kInternal);
}

TEST_P(Layout, TagsStandSideBySideAndMove) {
  const TestImage one("1");
  const TestImage two("2");
  write(one, ":v1");
  write(two, ":v2");
  write(one, ":latest");
  write(two, ":latest");
  EXPECT_EQ(source(":v1")->resolve(*caller_)->digest, one.manifest.digest());
  EXPECT_EQ(source(":v2")->resolve(*caller_)->digest, two.manifest.digest());
  EXPECT_EQ(source(":latest")->resolve(*caller_)->digest, two.manifest.digest());
  EXPECT_EQ(read_blob(*source(":v1"), *caller_, describe_blob(one.layer)).value(), one.layer);
}

TEST_P(Layout, ANamelessImage) {
  const TestImage one("1");
  const TestImage two("2");
  write(one, "");
  EXPECT_EQ(source()->resolve(*caller_)->digest, one.manifest.digest());
  write(two, "");
  EXPECT_EQ(source()->resolve(*caller_)->digest, two.manifest.digest()) << "it took the other one's place";
  write(one, ":v1");
  EXPECT_EQ(resolve_error(""), ErrorCode::kUsage) << "two images, and none is named";
  EXPECT_EQ(destination()->resolve(*caller_, "").value()->digest, two.manifest.digest());
}

TEST_P(Layout, AnImageByDigest) {
  const TestImage one("1");
  const TestImage two("2");
  write(one, "@" + one.manifest.digest().to_string());
  write(two, "@" + two.manifest.digest().to_string());
  EXPECT_EQ(source("@" + one.manifest.digest().to_string())->root(*caller_)->bytes(), one.manifest.bytes());
  const auto target = destination("@" + two.manifest.digest().to_string());
  EXPECT_EQ(target->pinned_digest(), two.manifest.digest());
  EXPECT_EQ(target->resolve(*caller_, "").value()->digest, two.manifest.digest());
  EXPECT_EQ(resolve_error("@sha256:" + std::string(64, '0')), ErrorCode::kNotFound);
}

TEST_P(Layout, AChildIsFoundByItsDigest) {
  const TestImage child("c");
  const auto target = destination(":v1");
  const oci::RawManifest index =
      manifest_of(oci::serialize_index(oci::kOciIndex, {child.manifest.descriptor()}), oci::kOciIndex);
  ASSERT_TRUE(target->put_manifest(*caller_, child.manifest));
  EXPECT_FALSE(target->resolve(*caller_, "").value());
  ASSERT_TRUE(target->put_tagged(*caller_, index, "v1"));
  ASSERT_TRUE(target->finish(*caller_));
  const auto read = source("@" + child.manifest.digest().to_string());
  EXPECT_EQ(read->resolve(*caller_)->media_type, oci::kOciManifest);
  EXPECT_EQ(source()->root(*caller_)->digest(), index.digest()) << "a child has no entry of its own";
}

TEST_P(Layout, MissingThingsAreNotFound) {
  const TestImage image("a");
  EXPECT_EQ(open_source(name(":v1")).error().code(), ErrorCode::kNotFound);
  write(image, ":v1");
  const auto missing = source(":v9")->resolve(*caller_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().describe(), HasSubstr("\"v9\""));
  EXPECT_THAT(missing.error().describe(), HasSubstr("\"v1\"")) << "it tells what is there";
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  EXPECT_EQ(source(":v1")->open_blob(*caller_, describe_blob("other"), queue).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(source(":v1")->manifest(*caller_, describe_blob("other")).error().code(), ErrorCode::kNotFound);
}

TEST_P(Layout, ABlobOfAnotherSizeIsDamage) {
  const TestImage image("a");
  write(image, ":v1");
  oci::Descriptor blob = describe_blob(image.layer);
  ++blob.size;
  io::BufferPool pool;
  io::ChunkQueue queue(pool, 4 * kKiB, 3);
  const auto reader = source(":v1")->open_blob(*caller_, blob, queue);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code(), ErrorCode::kIntegrity);
  EXPECT_THAT(reader.error().describe(), HasSubstr(blob.digest.hex()));
}

TEST_P(Layout, WhatIsThereIsNotWrittenAgain) {
  const TestImage image("a");
  write(image, ":v1");
  const auto target = destination(":v1");
  EXPECT_EQ(target->tag(), "v1");
  EXPECT_TRUE(target->has_blob(*caller_, describe_blob(image.layer)).value());
  EXPECT_FALSE(target->has_blob(*caller_, describe_blob("other")).value());
  EXPECT_EQ(target->resolve(*caller_, "").value()->digest, image.manifest.digest());
  EXPECT_EQ(target->resolve(*caller_, "v1").value()->digest, image.manifest.digest());
  EXPECT_FALSE(target->resolve(*caller_, "v2").value());
  EXPECT_EQ(target->tagged(*caller_, "v1").value()->bytes(), image.manifest.bytes());
  EXPECT_FALSE(target->tagged(*caller_, "v2").value());
  EXPECT_EQ(target->begin_blob(*caller_, describe_blob(image.layer), std::nullopt)->state, State::kPresent);
}

TEST_P(Layout, WithoutCreateNothingIsMade) {
  const TestImage image("a");
  const auto target = destination(":v1", false);
  EXPECT_FALSE(target->has_blob(*caller_, describe_blob(image.layer)).value());
  EXPECT_FALSE(target->resolve(*caller_, "").value());
  EXPECT_FALSE(target->tagged(*caller_, "v1").value());
  EXPECT_FALSE(target->begin_blob(*caller_, describe_blob(image.layer), std::nullopt));
  EXPECT_FALSE(target->put_tagged(*caller_, image.manifest, "v1"));
  EXPECT_TRUE(entries_of(directory_.path()).empty());
}

TEST_P(Layout, OpeningADestinationMakesNothing) {
  const auto target = destination(":v1");
  EXPECT_FALSE(target->has_blob(*caller_, describe_blob("x")).value());
  EXPECT_TRUE(target->finish(*caller_));
  EXPECT_TRUE(entries_of(directory_.path()).empty());
}

TEST_P(Layout, AWriterThatIsDroppedLeavesNoBlob) {
  const auto target = destination(":v1");
  const std::string bytes(10000, 'q');
  {
    auto start = target->begin_blob(*caller_, describe_blob(bytes), std::nullopt);
    ASSERT_TRUE(start && start->writer);
    ASSERT_TRUE(feed(*start->writer, bytes.substr(0, 5000)));
  }
  EXPECT_FALSE(target->has_blob(*caller_, describe_blob(bytes)).value());
  {
    auto start = target->begin_blob(*caller_, describe_blob(bytes), std::nullopt);
    ASSERT_TRUE(start && start->writer);
    ASSERT_TRUE(feed(*start->writer, bytes));
    start->writer->abort();
    start->writer->abort();
    EXPECT_FALSE(start->writer->commit());
  }
  EXPECT_TRUE(write_blob(*target, *caller_, bytes).value()) << "a retry";
  EXPECT_TRUE(write_image(*target, *caller_, TestImage("a"), ""));
  EXPECT_EQ(read_blob(*source(":v1"), *caller_, describe_blob(bytes)).value(), bytes);
}

TEST_P(Layout, PutManifestMayBeRepeated) {
  const TestImage image("a");
  const auto target = destination(":v1");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(target->put_manifest(*caller_, image.manifest));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(target->put_tagged(*caller_, image.manifest, "extra"));
  EXPECT_EQ(target->resolve(*caller_, "extra").value()->digest, image.manifest.digest());
  EXPECT_FALSE(target->resolve(*caller_, "").value());
  EXPECT_EQ(target->put_tagged(*caller_, image.manifest, "no tag").error().code(), ErrorCode::kUsage);
}

TEST_P(Layout, Sha512Works) {
  const std::string bytes = "some bytes";
  oci::Descriptor blob = describe_blob(bytes);
  blob.digest = io::digest_of(bytes, oci::DigestAlgorithm::kSha512);
  const auto target = destination(":v1");
  auto start = target->begin_blob(*caller_, blob, std::nullopt);
  ASSERT_TRUE(start && start->writer);
  ASSERT_TRUE(feed(*start->writer, bytes));
  ASSERT_TRUE(start->writer->commit());
  ASSERT_TRUE(write_image(*target, *caller_, TestImage("a"), ""));
  EXPECT_EQ(read_blob(*source(":v1"), *caller_, blob).value(), bytes);
}

TEST_P(Layout, RefusesToReplaceSomethingElse) {
  if (GetParam() == TransportKind::kOci) {
    directory_.write("image/index.json", R"({"schemaVersion":2,"manifests":[]})");
  } else {
    directory_.write("image", std::string(2048, 'x'));
  }
  for (const bool create : {true, false}) {
    EXPECT_EQ(open_destination(name(":v1"), create).error().code(), ErrorCode::kProtocol);
  }
  EXPECT_EQ(open_source(name(":v1")).error().code(), ErrorCode::kProtocol);
}

}  // namespace
TEST_P(Layout, TakesABlobThatIsNamedInTheEnd) {
  const TestImage image("a");
  const oci::Descriptor layer = describe_blob(image.layer);
  const oci::Descriptor origin = describe_blob("what it is made from");
  {
    const auto target = destination(":v1");
    for (const bool again : {false, true}) {
      const auto stream = target->begin_stream(*caller_, origin).value();
      ASSERT_TRUE(feed(*stream, image.layer));
      EXPECT_EQ(target->has_blob(*caller_, layer).value(), again);
      ASSERT_TRUE(stream->commit(layer));
      EXPECT_TRUE(target->has_blob(*caller_, layer).value());
    }
    {
      const auto given_up = target->begin_stream(*caller_, origin).value();
      ASSERT_TRUE(feed(*given_up, "half of it"));
    }
    const Status written = write_image(*target, *caller_, image, "");
    ASSERT_TRUE(written) << written.error().describe();
  }
  EXPECT_EQ(read_blob(*source(":v1"), *caller_, layer).value(), image.layer);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
    EXPECT_FALSE(entry.path().string().ends_with(".tmp")) << entry.path();
  }
}

}  // namespace freightliner::transport
