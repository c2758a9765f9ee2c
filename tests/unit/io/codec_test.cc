#include "freightliner/io/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace freightliner::io {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

/// Text that packs well, of any length.
std::string words(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string text;
  text.reserve(size + 16);
  while (text.size() < size) text += "cargo-" + std::to_string(random() % 1000) + '\n';
  text.resize(size);
  return text;
}

/// How the bytes of a test come and go: sizes of pieces, repeated in turn.
struct Pace {
  std::vector<std::size_t> in = {64 * 1024};
  std::vector<std::size_t> out = {64 * 1024};
};

Result<std::string> pack(const CompressionSettings& settings, std::string_view text, const Pace& pace = {},
                         unsigned threads = 1) {
  FL_TRY(const auto codec, make_compressor(settings, threads));
  std::string packed;
  std::vector<std::byte> buffer;
  std::size_t round = 0;
  for (bool finished = false; !finished; ++round) {
    const std::string_view piece = text.substr(0, pace.in[round % pace.in.size()]);
    buffer.resize(pace.out[round % pace.out.size()]);
    FL_TRY(const CodecStep step, codec->step(as_bytes(piece), buffer, piece.size() == text.size()));
    packed += as_text(ByteSpan(buffer).first(step.produced));
    text.remove_prefix(step.consumed);
    finished = step.finished;
  }
  EXPECT_TRUE(text.empty());
  return packed;
}

Result<std::string> unpack(Compression compression, std::string_view packed, const Pace& pace = {}) {
  FL_TRY(const auto codec, make_decompressor(compression));
  std::string text;
  std::vector<std::byte> buffer;
  for (std::size_t round = 0;; ++round) {
    const std::string_view piece = packed.substr(0, pace.in[round % pace.in.size()]);
    buffer.resize(pace.out[round % pace.out.size()]);
    FL_TRY(const CodecStep step, codec->step(as_bytes(piece), buffer));
    text += as_text(ByteSpan(buffer).first(step.produced));
    packed.remove_prefix(step.consumed);
    if (packed.empty() && step.consumed == 0 && step.produced == 0) break;
  }
  FL_CHECK(codec->finish());
  return text;
}

CompressionSettings settings(std::string_view text) {
  return *CompressionSettings::parse(text);
}

TEST(CompressionSettings, Parse) {
  struct Case {
    std::string_view text;
    std::string_view canonical;
  };
  for (const Case& good : std::vector<Case>{{"zstd", "zstd:3"},
                                            {"gzip", "gzip:6"},
                                            {"zstd:1", "zstd:1"},
                                            {"zstd:19", "zstd:19"},
                                            {"gzip:9", "gzip:9"}}) {
    const auto parsed = CompressionSettings::parse(good.text);
    ASSERT_TRUE(parsed) << good.text;
    EXPECT_EQ(parsed->to_string(), good.canonical);
    EXPECT_EQ(settings(good.canonical), *parsed);
  }
  for (const std::string_view bad : {"", "zstd:", "zstd:0", "zstd:20", "zstd:-1", "zstd:3x", "gzip:10", "gzip:0",
                                     "none", "xz", "Zstd", "zstd 3", "gzip:999999999999999999999", ":3"}) {
    const auto parsed = CompressionSettings::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kUsage);
  }
}

class Codecs : public ::testing::TestWithParam<const char*> {};

TEST_P(Codecs, RoundTripsWhateverThePieces) {
  const CompressionSettings setting = settings(GetParam());
  const std::vector<Pace> paces = {{{1}, {1}}, {{1000, 1, 77}, {13, 4096}}, {{1 << 20}, {5}}, {{3}, {1 << 20}}, {}};
  for (const std::size_t size : {0, 1, 5000, 20000}) {
    const std::string text = words(size);
    const auto expected = pack(setting, text);
    ASSERT_TRUE(expected) << expected.error().describe();
    for (const Pace& pace : paces) {
      const auto packed = pack(setting, text, pace);
      ASSERT_TRUE(packed) << packed.error().describe();
      EXPECT_EQ(*packed, *expected) << size;
      const auto back = unpack(setting.compression, *packed, pace);
      ASSERT_TRUE(back) << back.error().describe();
      EXPECT_EQ(*back, text) << size;
    }
  }
}

TEST_P(Codecs, TheNumberOfThreadsDoesNotShow) {
  const CompressionSettings setting = settings(GetParam());
  const std::string text = words(5 << 20);  // several jobs
  const auto one = pack(setting, text, {{300'000, 7}, {1000, 200'000}}, 1);
  ASSERT_TRUE(one) << one.error().describe();
  for (const unsigned threads : {0U, 2U, 8U}) {
    const auto several = pack(setting, text, {}, threads);
    ASSERT_TRUE(several) << several.error().describe();
    EXPECT_TRUE(*several == *one) << threads << " threads give other bytes";
  }
  EXPECT_TRUE(*unpack(setting.compression, *one) == text);
}

TEST_P(Codecs, SeveralMembersAreOneStream) {
  const CompressionSettings setting = settings(GetParam());
  const std::string packed = *pack(setting, "one, ") + *pack(setting, "") + *pack(setting, "two");
  for (const Pace& pace : std::vector<Pace>{{}, {{1}, {1}}}) {
    const auto text = unpack(setting.compression, packed, pace);
    ASSERT_TRUE(text) << text.error().describe();
    EXPECT_EQ(*text, "one, two");
  }
}

TEST_P(Codecs, RefusesWhatIsNotWhole) {
  const CompressionSettings setting = settings(GetParam());
  const std::string packed = *pack(setting, words(5000));
  std::vector<std::string> broken = {"",
                                     "x",
                                     "plain text that is no stream at all",
                                     packed + "x",
                                     packed + "garbage behind",
                                     packed + std::string(512, '\0')};
  for (std::size_t length = 1; length < packed.size(); length += 97) broken.push_back(packed.substr(0, length));
  broken.push_back(packed.substr(0, packed.size() - 1));
  broken.push_back(packed + packed.substr(0, 3));
  for (const std::size_t at : {std::size_t{0}, packed.size() / 2, packed.size() - 2}) {
    broken.push_back(packed);
    broken.back()[at] = static_cast<char>(~broken.back()[at]);
  }
  for (const std::string& bytes : broken) {
    const auto text = unpack(setting.compression, bytes);
    ASSERT_FALSE(text) << bytes.size() << " bytes";
    EXPECT_EQ(text.error().code(), ErrorCode::kIntegrity) << text.error().describe();
    EXPECT_THAT(text.error().message(), HasSubstr("not a whole " + std::string(to_string(setting.compression))));
  }
}

TEST_P(Codecs, LevelsAreWhatTheySay) {
  const std::string name(to_string(settings(GetParam()).compression));
  const std::string text = words(200'000);
  EXPECT_LT(pack(settings(name + ":9"), text)->size(), pack(settings(name + ":1"), text)->size());
}

INSTANTIATE_TEST_SUITE_P(All, Codecs, ::testing::Values("gzip", "gzip:1", "zstd", "zstd:9"));

TEST(Gzip, TheHeaderNamesNoTimeAndNoSystem) {
  EXPECT_EQ(pack(settings("gzip:6"), "text")->substr(0, 10), "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"s);
}

TEST(Zstd, SkippableFramesArePassedOver) {
  const std::string skippable = "\x50\x2a\x4d\x18\x04\x00\x00\x00toc!"s;
  const std::string packed = skippable + *pack(settings("zstd"), "text") + skippable;
  const auto text = unpack(Compression::kZstd, packed, {{1}, {1}});
  ASSERT_TRUE(text) << text.error().describe();
  EXPECT_EQ(*text, "text");
}

TEST(Zstd, RefusesAWindowThatNoDecoderHasToTake) {
  // Magic, a descriptor without content size, window 2^28 (exponent 18, mantissa 0), a last raw block of one byte.
  const std::string packed = "\x28\xb5\x2f\xfd\x00\x90\x09\x00\x00x"s;
  const auto text = unpack(Compression::kZstd, packed);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::kProtocol);
  EXPECT_THAT(text.error().message(), HasSubstr("128.0 MiB"));
  const std::string allowed = "\x28\xb5\x2f\xfd\x00\x88\x09\x00\x00x"s;  // 2^27
  EXPECT_EQ(*unpack(Compression::kZstd, allowed), "x");
}

TEST(PlainBytes, PassUnchanged) {
  EXPECT_EQ(*unpack(Compression::kNone, "as they are", {{3}, {2}}), "as they are");
  EXPECT_EQ(*unpack(Compression::kNone, ""), "");
  EXPECT_EQ(make_compressor({Compression::kNone, 0}, 1).error().code(), ErrorCode::kUsage);
}

TEST(CodecMemory, GrowsWithLevelAndThreads) {
  EXPECT_LT(codec_memory(settings("gzip"), 1), codec_memory(settings("zstd"), 1));
  EXPECT_LT(codec_memory(settings("zstd"), 1), codec_memory(settings("zstd"), 4));
  EXPECT_LT(codec_memory(settings("zstd"), 1), codec_memory(settings("zstd:19"), 1));
}

}  // namespace
}  // namespace freightliner::io
