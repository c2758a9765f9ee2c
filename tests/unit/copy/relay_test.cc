#include "copy/relay.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

/// Hands out a text in chunks, then an error or the end.
class TextReader final : public io::BlobReader {
 public:
  TextReader(io::ChunkQueue& queue, std::string text, std::size_t step)
      : queue_(queue), text_(std::move(text)), step_(step) {}
  Result<io::Chunk> read() override {
    if (offset_ >= fail_at_) return fail(ErrorCode::kTemporary, "broken");
    const auto part = std::string_view(text_).substr(offset_, step_);
    if (part.empty()) return io::Chunk();
    io::Chunk chunk = queue_.try_take();
    if (!chunk) return fail(ErrorCode::kInternal, "no free chunk");
    offset_ += chunk.append(as_bytes(part));
    return chunk;
  }
  std::optional<std::uint64_t> declared_size() const override { return std::nullopt; }
  void fail_at(std::size_t offset) { fail_at_ = offset; }

 private:
  io::ChunkQueue& queue_;
  std::string text_;
  std::size_t step_;
  std::size_t offset_ = 0;
  std::size_t fail_at_ = std::string::npos;
};

class TextWriter final : public io::BlobWriter {
 public:
  Status write(io::Chunk chunk) override {
    if (text.size() >= fail_at) return fail(Error(ErrorCode::kTemporary, "full").with_reason(reason));
    text.append(as_text(chunk.bytes()));
    return {};
  }
  Status commit() override {
    committed = true;
    return commit_error ? Status(freightliner::fail(*commit_error)) : Status();
  }
  void abort() noexcept override {}

  std::string text;
  bool committed = false;
  std::size_t fail_at = std::string::npos;
  ErrorReason reason = ErrorReason::kNone;
  std::optional<Error> commit_error;
};

class RelayTest : public ::testing::Test {
 protected:
  static oci::Descriptor describe(const std::string& text) {
    return {.media_type = "t", .digest = io::digest_of(text), .size = text.size()};
  }
  std::optional<RelayFailure> run(TextReader& reader, const oci::Descriptor& blob) {
    return relay(reader, writer_, blob, progress_);
  }

  io::BufferPool pool_;
  io::ChunkQueue queue_{pool_, 16, 3};
  TextWriter writer_;
  runtime::Progress progress_;
  const std::string text_ = "The quick brown fox jumps over the lazy dog";
};

TEST_F(RelayTest, MovesEveryByteAndCommitsForAnyChunking) {
  for (std::size_t step = 1; step <= text_.size() + 1; ++step) {
    TextReader reader(queue_, text_, step);
    writer_ = TextWriter();
    EXPECT_FALSE(run(reader, describe(text_)));
    EXPECT_EQ(writer_.text, text_) << step;
    EXPECT_TRUE(writer_.committed);
  }
}

TEST_F(RelayTest, EmptyBlobIsCommitted) {
  TextReader reader(queue_, "", 4);
  EXPECT_FALSE(run(reader, describe("")));
  EXPECT_TRUE(writer_.committed);
  EXPECT_EQ(writer_.text, "");
}

TEST_F(RelayTest, WrongBytesNeverArriveWhole) {
  std::string flipped = text_;
  flipped[10] ^= 1;
  TextReader reader(queue_, flipped, 8);
  const auto failure = run(reader, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error.code(), ErrorCode::kIntegrity);
  EXPECT_FALSE(writer_.committed);
  EXPECT_LT(writer_.text.size(), text_.size());
}

TEST_F(RelayTest, TooManyBytesStopAtOnce) {
  TextReader reader(queue_, text_ + "more", 8);
  const auto failure = run(reader, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error.code(), ErrorCode::kIntegrity);
  EXPECT_LT(writer_.text.size(), text_.size());
}

TEST_F(RelayTest, TooFewBytesAreAnIntegrityError) {
  TextReader reader(queue_, text_.substr(0, 20), 8);
  const auto failure = run(reader, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error.code(), ErrorCode::kIntegrity);
  EXPECT_EQ(failure->side, RelaySide::kSource);
  EXPECT_FALSE(writer_.committed);
}

TEST_F(RelayTest, NamesTheSideThatBroke) {
  TextReader broken(queue_, text_, 8);
  broken.fail_at(16);
  auto failure = run(broken, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->side, RelaySide::kSource);

  writer_ = TextWriter();
  writer_.fail_at = 8;
  TextReader whole(queue_, text_, 8);
  failure = run(whole, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->side, RelaySide::kDestination);

  writer_ = TextWriter();
  writer_.commit_error = Error(ErrorCode::kDenied, "no");
  TextReader again(queue_, text_, 8);
  failure = run(again, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->side, RelaySide::kDestination);
  EXPECT_EQ(failure->error.code(), ErrorCode::kDenied);
}

// What the destination has kept of the first reading is in no later hash.
TEST_F(RelayTest, ASecondReadingMustBringWhatTheFirstDid) {
  for (const std::size_t flipped : {0U, 15U, 16U, 30U}) {
    for (std::size_t step = 1; step <= 16; ++step) {
      SCOPED_TRACE(fmt::format("byte {}, {} at a time", flipped, step));
      std::string wrong = text_;
      wrong[flipped] ^= 1;
      writer_ = TextWriter();
      writer_.fail_at = 16;
      writer_.reason = ErrorReason::kSetBack;
      TextReader first(queue_, wrong, 8);
      const auto set_back = run(first, describe(text_));
      ASSERT_TRUE(set_back && set_back->read);
      EXPECT_EQ(set_back->read->bytes, 32U);
      EXPECT_EQ(set_back->read->digest, io::digest_of(wrong.substr(0, 32)));

      writer_ = TextWriter();
      TextReader second(queue_, text_, step);
      const auto failure = relay(second, writer_, describe(text_), progress_, set_back->read);
      ASSERT_TRUE(failure);
      EXPECT_EQ(failure->error.code(), ErrorCode::kIntegrity);
      EXPECT_FALSE(writer_.committed);

      TextReader third(queue_, text_, step);
      const EarlierReading right{32, io::digest_of(text_.substr(0, 32))};
      writer_ = TextWriter();
      EXPECT_FALSE(relay(third, writer_, describe(text_), progress_, right));
      EXPECT_TRUE(writer_.committed);
    }
  }
}

// The upload may then hold bytes of the second reading, which nothing compares with the first.
TEST_F(RelayTest, AnUploadThatIsSetBackBeforeTheReadingsWereComparedIsGivenUp) {
  const EarlierReading earlier{32, io::digest_of(text_.substr(0, 32))};
  writer_.fail_at = 8;
  writer_.reason = ErrorReason::kSetBack;
  TextReader second(queue_, text_, 8);
  const auto failure = relay(second, writer_, describe(text_), progress_, earlier);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->error.reason(), ErrorReason::kSetBack);
  EXPECT_FALSE(failure->read);
}

TEST_F(RelayTest, OnlyAWriterThatIsSetBackNeedsAnotherReading) {
  writer_.fail_at = 16;
  TextReader reader(queue_, text_, 8);
  const auto failure = run(reader, describe(text_));
  ASSERT_TRUE(failure);
  EXPECT_FALSE(failure->read);
}

}  // namespace
}  // namespace freightliner::copy
