#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "freightliner/base/bytes.h"
#include "freightliner/oci/media_type.h"

namespace freightliner::io {

using oci::Compression;

std::string_view to_string(Compression compression) noexcept;

/// A compression and how hard it tries. A value type.
struct CompressionSettings {
  Compression compression = Compression::kZstd;
  int level = 0;

  /// Reads "zstd", "zstd:19", "gzip", "gzip:9": levels 1 to 19 (default 3) and 1 to 9 (default 6). zstd's levels above
  /// 19 are left out: their windows take hundreds of MiB on both sides. Errors: kUsage.
  static Result<CompressionSettings> parse(std::string_view text);
  /// "zstd:3": with the level, so that equal settings have equal texts.
  std::string to_string() const;
  bool operator==(const CompressionSettings&) const = default;
};

/// What one step of a codec took and gave.
struct CodecStep {
  std::size_t consumed = 0;
  std::size_t produced = 0;
  /// A compressor's: the stream is complete. A decompressor never knows: another member may follow.
  bool finished = false;
};

/// Turns compressed bytes into plain ones, step by step, in bounded memory: gzip of any number of members (RFC 1952),
/// or zstd of any number of frames, skippable ones passed over (RFC 8878), with a window of at most 128 MiB. Confined
/// to one thread.
class Decompressor {
 public:
  virtual ~Decompressor() = default;
  /// Takes from `in` and gives to `out` (not empty), until one of them is used up. Where nothing was consumed and
  /// nothing produced, all that came so far is through. Errors: kIntegrity for bytes that are no such stream, or follow
  /// its end; kProtocol for a window beyond the limit.
  virtual Result<CodecStep> step(ByteSpan in, MutableByteSpan out) = 0;
  /// Call when there is no more input and step() gives no more. Errors: kIntegrity where the stream is not complete.
  virtual Status finish() = 0;
};

/// Turns plain bytes into one gzip member or one zstd frame. The same bytes and settings give the same output (with the
/// same version of zlib or libzstd), whatever the pieces in which they come and however many threads work: gzip has
/// time 0 and the operating system "unknown" (255); zstd always works in jobs of 2 MiB, with a check sum and without
/// the content's size. Confined to one thread.
class Compressor {
 public:
  virtual ~Compressor() = default;
  /// Takes from `in` and gives to `out` (not empty). `last`: nothing follows `in`; call until `finished`, in the end
  /// with an empty `in`. Errors: kInternal.
  virtual Result<CodecStep> step(ByteSpan in, MutableByteSpan out, bool last) = 0;
};

/// kNone: bytes pass unchanged. Errors: kInternal where the library has no memory.
Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression);
/// `threads`: zstd's own, besides the caller's, at least 1. Errors: kInternal; kUsage for kNone.
Result<std::unique_ptr<Compressor>> make_compressor(const CompressionSettings& settings, unsigned threads);

/// What a compressor and a decompressor of a usual stream take at most, in bytes, as ZSTD_sizeof_CCtx() tells it for
/// libzstd 1.5.4. `settings` as parse() makes them.
std::uint64_t codec_memory(const CompressionSettings& settings, unsigned threads) noexcept;

}  // namespace freightliner::io
