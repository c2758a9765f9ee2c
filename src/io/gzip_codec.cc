#include "io/gzip_codec.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

namespace freightliner::io {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, in gzip's format
constexpr int kMemoryLevel = 8;       // zlib's default, named because it changes the output
constexpr int kUnknownSystem = 255;   // RFC 1952, section 2.3.1: the output names no machine

Unexpected broken(std::string_view reason) {
  return fail(ErrorCode::kIntegrity, fmt::format("not a whole gzip stream: {}", reason));
}

Unexpected zlib_failed(const char* what, int code) {
  return fail(ErrorCode::kInternal, fmt::format("zlib: {} failed with {}", what, code));
}

/// One call's bytes in zlib's terms. zlib counts in unsigned int.
class Window {
 public:
  Window(z_stream& stream, ByteSpan in, MutableByteSpan out) : stream_(stream) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    given_ = static_cast<uInt>(std::min(in.size(), kMost));
    room_ = static_cast<uInt>(std::min(out.size(), kMost));
    // zlib's interface predates const; it does not write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = given_;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = room_;
  }
  std::size_t consumed() const noexcept { return given_ - stream_.avail_in; }
  std::size_t produced() const noexcept { return room_ - stream_.avail_out; }

 private:
  z_stream& stream_;
  uInt given_ = 0;
  uInt room_ = 0;
};

class GzipDecompressor final : public Decompressor {
 public:
  GzipDecompressor() = default;
  ~GzipDecompressor() override {
    if (ready_) inflateEnd(&stream_);
  }
  GzipDecompressor(const GzipDecompressor&) = delete;
  GzipDecompressor& operator=(const GzipDecompressor&) = delete;

  Status prepare() {
    if (const int code = inflateInit2(&stream_, kGzipWindow); code != Z_OK) return zlib_failed("inflateInit2", code);
    ready_ = true;
    return {};
  }

  Result<CodecStep> step(ByteSpan in, MutableByteSpan out) override {
    if (member_ended_) {
      if (in.empty()) return CodecStep{};
      inflateReset(&stream_);  // another member
      member_ended_ = false;
      first_ = false;
    }
    Window window(stream_, in, out);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      member_ended_ = true;
    } else if (code == Z_MEM_ERROR) {
      return zlib_failed("inflate", code);
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      const char* const reason = stream_.msg != nullptr ? stream_.msg : "damaged";
      return broken(!first_ && stream_.total_out == 0 ? fmt::format("{} behind its end", reason) : reason);
    }
    return CodecStep{window.consumed(), window.produced()};
  }

  Status finish() override {
    if (!member_ended_) return broken("it ends too early");
    return {};
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool member_ended_ = false;
  bool first_ = true;
};

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor() = default;
  ~GzipCompressor() override {
    if (ready_) deflateEnd(&stream_);
  }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  Status prepare(int level) {
    int code = deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY);
    if (code != Z_OK) return zlib_failed("deflateInit2", code);
    ready_ = true;
    header_.os = kUnknownSystem;
    code = deflateSetHeader(&stream_, &header_);
    return code == Z_OK ? Status() : zlib_failed("deflateSetHeader", code);
  }

  Result<CodecStep> step(ByteSpan in, MutableByteSpan out, bool last) override {
    Window window(stream_, in, out);
    const int code = deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return zlib_failed("deflate", code);
    return CodecStep{window.consumed(), window.produced(), code == Z_STREAM_END};
  }

 private:
  z_stream stream_{};
  gz_header header_{};  // zlib keeps a pointer to it; time 0
  bool ready_ = false;
};

}  // namespace

Result<std::unique_ptr<Decompressor>> make_gzip_decompressor() {
  auto codec = std::make_unique<GzipDecompressor>();
  FL_CHECK(codec->prepare());
  return std::unique_ptr<Decompressor>(std::move(codec));
}

Result<std::unique_ptr<Compressor>> make_gzip_compressor(int level) {
  auto codec = std::make_unique<GzipCompressor>();
  FL_CHECK(codec->prepare(level));
  return std::unique_ptr<Compressor>(std::move(codec));
}

}  // namespace freightliner::io
