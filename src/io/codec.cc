#include "freightliner/io/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "freightliner/base/text.h"
#include "io/gzip_codec.h"
#include "io/zstd_codec.h"

namespace freightliner::io {
namespace {

struct Levels {
  Compression compression;
  int least;
  int most;
  int usual;
};
constexpr Levels kLevels[] = {{Compression::kZstd, 1, 19, 3}, {Compression::kGzip, 1, 9, 6}};

/// What is not compressed.
class PassThrough final : public Decompressor {
 public:
  Result<CodecStep> step(ByteSpan in, MutableByteSpan out) override {
    const std::size_t count = std::min(in.size(), out.size());
    if (count > 0) std::memcpy(out.data(), in.data(), count);
    return CodecStep{count, count};
  }
  Status finish() override { return {}; }
};

}  // namespace

std::string_view to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
  }
  return "";
}

Result<CompressionSettings> CompressionSettings::parse(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const Levels& levels : kLevels) {
    if (name != io::to_string(levels.compression)) continue;
    if (colon == std::string_view::npos) return CompressionSettings{levels.compression, levels.usual};
    const std::string_view digits = text.substr(colon + 1);
    int level = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), level);
    if (error != std::errc() || end != digits.data() + digits.size() || level < levels.least || level > levels.most) {
      return fail(ErrorCode::kUsage, fmt::format("\"{}\" is no level of {}: {} to {}", printable(digits, 32), name,
                                                 levels.least, levels.most));
    }
    return CompressionSettings{levels.compression, level};
  }
  return fail(ErrorCode::kUsage, fmt::format("\"{}\" is not zstd[:1-19] or gzip[:1-9]", printable(text, 64)));
}

std::string CompressionSettings::to_string() const {
  return fmt::format("{}:{}", io::to_string(compression), level);
}

Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return make_gzip_decompressor();
    case Compression::kZstd:
      return make_zstd_decompressor();
    case Compression::kNone:
      break;
  }
  return std::unique_ptr<Decompressor>(std::make_unique<PassThrough>());
}

Result<std::unique_ptr<Compressor>> make_compressor(const CompressionSettings& settings, unsigned threads) {
  switch (settings.compression) {
    case Compression::kGzip:
      return make_gzip_compressor(settings.level);
    case Compression::kZstd:
      return make_zstd_compressor(settings.level, threads);
    case Compression::kNone:
      break;
  }
  return fail(ErrorCode::kUsage, "there is no compressor for none");
}

std::uint64_t codec_memory(const CompressionSettings& settings, unsigned threads) noexcept {
  if (settings.compression == Compression::kGzip) return 9 * kMiB;  // zlib's, and the window of a zstd source
  struct Take {
    int most;  // level
    std::uint64_t shared;
    std::uint64_t per_thread;
  };
  constexpr Take kTakes[] = {
      {3, 8 * kMiB, 6 * kMiB}, {9, 8 * kMiB, 17 * kMiB}, {16, 8 * kMiB, 70 * kMiB}, {19, 24 * kMiB, 98 * kMiB}};
  const Take* const take = std::ranges::find_if(kTakes, [&](const Take& each) { return settings.level <= each.most; });
  return take->shared + std::max(threads, 1U) * take->per_thread;
}

}  // namespace freightliner::io
