#pragma once

#include <memory>
#include <stop_token>

#include "copy/paced_reader.h"
#include "freightliner/copy/copier.h"
#include "freightliner/io/codec.h"
#include "freightliner/io/hasher.h"

namespace freightliner::copy {

/// A layer that is to be in another compression, and what is known of it.
struct LayerRecipe {
  oci::Descriptor source;
  oci::Digest diff_id;  ///< of the unpacked layer, by the image's config
  oci::Compression from = oci::Compression::kNone;

  RecompressionLedger::Layer key() const { return {source.digest, diff_id}; }
};

/// What all layers of one image are recompressed with; all of it outlives the readers.
struct RecompressWork {
  const CopyServices& services;
  transport::ImageSource& source;
  RecompressOptions options;
  Route route;
};

/// Reads a layer, unpacks it and packs it anew, in bounded memory whatever it unpacks to. Its last chunk comes only
/// when the source's size and digest and the unpacked layer's digest have proven right, so that nobody ever has all
/// bytes of one that is wrong. Confined to one thread, apart from zstd's own.
class RecompressingReader final : public io::BlobReader {
 public:
  /// Opens the layer at the source. `out` takes the new bytes, and outlives the reader. Errors: those of opening the
  /// blob.
  static Result<std::unique_ptr<RecompressingReader>> open(http::Caller& caller, const RecompressWork& work,
                                                           const LayerRecipe& recipe, io::ChunkQueue& out);

  /// Errors: those of the source; kIntegrity for wrong bytes and broken streams; kProtocol for one that unpacks to more
  /// than 1 TiB or needs too large a window; kCancelled.
  Result<io::Chunk> read() override;
  std::optional<std::uint64_t> declared_size() const override { return std::nullopt; }

 private:
  RecompressingReader(const LayerRecipe& recipe, io::ChunkQueue& out, std::stop_token stop)
      : recipe_(recipe),
        out_(out),
        stop_(std::move(stop)),
        source_hasher_(recipe.source.digest.algorithm()),
        plain_hasher_(recipe.diff_id.algorithm()) {}
  Status fill_plain();
  Status fetch();
  Status check_source();
  Status check_plain();

  LayerRecipe recipe_;
  io::ChunkQueue& out_;
  std::stop_token stop_;
  std::unique_ptr<io::ChunkQueue> in_;
  std::unique_ptr<io::BlobReader> source_;
  std::unique_ptr<io::Decompressor> decompressor_;
  std::unique_ptr<io::Compressor> compressor_;
  io::PooledBuffer buffer_;
  io::Chunk packed_;
  ByteSpan plain_;
  io::Hasher source_hasher_;
  io::Hasher plain_hasher_;
  std::uint64_t received_ = 0;
  std::uint64_t unpacked_ = 0;
  runtime::Progress* progress_ = nullptr;
  bool source_ended_ = false;
  bool plain_ended_ = false;
  bool done_ = false;
};

}  // namespace freightliner::copy
