#include "io/zstd_codec.h"

#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

namespace freightliner::io {
namespace {

// What every decoder takes without being asked to take more (RFC 8878, section 3.1.1.1.2, recommends 8 MiB; zstd's own
// limit is 2^27).
constexpr int kMaxWindowLog = 27;
// The output depends on the size of a job, and not on the number of threads. 2 MiB: 0.5 % more output than with zstd's
// own choice (8 MiB at level 3), and a third of the memory.
constexpr int kJobSize = 2 * 1024 * 1024;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

Unexpected zstd_failed(const char* what, std::size_t code) {
  return fail(ErrorCode::kInternal, fmt::format("libzstd: {}: {}", what, ZSTD_getErrorName(code)));
}

Unexpected broken(std::string_view reason) {
  return fail(ErrorCode::kIntegrity, fmt::format("not a whole zstd stream: {}", reason));
}

class ZstdDecompressor final : public Decompressor {
 public:
  Status prepare() {
    if (!context_) return fail(ErrorCode::kInternal, "libzstd has no memory");
    const std::size_t code = ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
    return ZSTD_isError(code) != 0 ? zstd_failed("window limit", code) : Status();
  }

  Result<CodecStep> step(ByteSpan in, MutableByteSpan out) override {
    // Between frames there is nothing to flush, and a call without input would count as the beginning of a frame.
    if (in.empty() && frame_ended_) return CodecStep{};
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(code) != 0) {
      if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge) {
        return fail(ErrorCode::kProtocol, fmt::format("the zstd stream needs a window of more than {}, the limit",
                                                      format_bytes(std::uint64_t{1} << kMaxWindowLog)));
      }
      if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) return zstd_failed("decompress", code);
      return broken(ZSTD_getErrorName(code));
    }
    frame_ended_ = code == 0;
    if (input.pos > 0) seen_ = true;
    return CodecStep{input.pos, output.pos};
  }

  Status finish() override {
    if (!seen_ || !frame_ended_) return broken("it ends too early");
    return {};
  }

 private:
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_{ZSTD_createDCtx()};
  bool frame_ended_ = false;
  bool seen_ = false;
};

class ZstdCompressor final : public Compressor {
 public:
  Status prepare(int level, unsigned threads) {
    if (!context_) return fail(ErrorCode::kInternal, "libzstd has no memory");
    FL_CHECK(set("level", ZSTD_c_compressionLevel, level));
    FL_CHECK(set("check sum", ZSTD_c_checksumFlag, 1));
    // Never 0: that is another way of cutting the input, with other bytes as the result.
    FL_CHECK(set("threads", ZSTD_c_nbWorkers, static_cast<int>(std::max(threads, 1U))));
    return set("job size", ZSTD_c_jobSize, kJobSize);
  }

  Result<CodecStep> step(ByteSpan in, MutableByteSpan out, bool last) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    // The end is asked for with empty hands: input that comes with it would be measured, and change the frame's header.
    const bool end = last && in.empty();
    const std::size_t left = ZSTD_compressStream2(context_.get(), &output, &input, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return zstd_failed("compress", left);
    return CodecStep{input.pos, output.pos, end && left == 0};
  }

 private:
  Status set(const char* what, ZSTD_cParameter parameter, int value) {
    const std::size_t code = ZSTD_CCtx_setParameter(context_.get(), parameter, value);
    return ZSTD_isError(code) != 0 ? zstd_failed(what, code) : Status();
  }
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_{ZSTD_createCCtx()};
};

}  // namespace

Result<std::unique_ptr<Decompressor>> make_zstd_decompressor() {
  auto codec = std::make_unique<ZstdDecompressor>();
  FL_CHECK(codec->prepare());
  return std::unique_ptr<Decompressor>(std::move(codec));
}

Result<std::unique_ptr<Compressor>> make_zstd_compressor(int level, unsigned threads) {
  auto codec = std::make_unique<ZstdCompressor>();
  FL_CHECK(codec->prepare(level, threads));
  return std::unique_ptr<Compressor>(std::move(codec));
}

}  // namespace freightliner::io
