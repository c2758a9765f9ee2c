#include "copy/recompressing_reader.h"

#include <fmt/format.h>

#include "freightliner/copy/recompress_buffers.h"

namespace freightliner::copy {
namespace {

// What a compression bomb may cost is time, not memory or disk; this is where it ends. No layer is near it.
constexpr std::uint64_t kMaxUnpacked = 1024 * kGiB;

}  // namespace

Result<std::unique_ptr<RecompressingReader>> RecompressingReader::open(http::Caller& caller, const RecompressWork& work,
                                                                       const LayerRecipe& recipe, io::ChunkQueue& out) {
  const CopyServices& services = work.services;
  std::unique_ptr<RecompressingReader> reader(new RecompressingReader(recipe, out, caller.stop));
  reader->progress_ = &services.progress;
  reader->in_ = std::make_unique<io::ChunkQueue>(services.buffers, services.chunk_size, services.chunks_per_queue);
  reader->buffer_ = services.buffers.acquire(kPlainBuffer);
  FL_TRY(reader->decompressor_, io::make_decompressor(recipe.from));
  FL_TRY(reader->compressor_, io::make_compressor(work.options.settings, work.options.threads));
  FL_TRY(reader->source_, work.source.open_blob(caller, recipe.source, *reader->in_));
  if (!services.bandwidth.unlimited()) {
    reader->source_ =
        std::make_unique<PacedReader>(std::move(reader->source_), services.bandwidth, work.route, caller.stop);
  }
  return reader;
}

Result<io::Chunk> RecompressingReader::read() {
  if (done_) return io::Chunk();
  io::Chunk chunk = out_.try_take();
  if (!chunk) return fail(ErrorCode::kInternal, "no chunk is free for a recompressed layer");
  while (chunk.room() > 0 && !done_) {
    if (plain_.empty() && !plain_ended_) FL_CHECK(fill_plain());
    // A little may unpack to very much, and pack to very little again: nobody else looks meanwhile.
    if (stop_.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    FL_TRY(const io::CodecStep step, compressor_->step(plain_, chunk.writable(), plain_ended_));
    plain_ = plain_.subspan(step.consumed);
    chunk.filled(step.produced);
    done_ = step.finished;
  }
  if (chunk.empty()) return io::Chunk();
  return chunk;
}

Status RecompressingReader::fill_plain() {
  const MutableByteSpan room(buffer_.data(), buffer_.capacity());
  for (;;) {
    if (packed_.empty() && !source_ended_) FL_CHECK(fetch());
    auto step = decompressor_->step(packed_.bytes(), room);
    if (!step) {
      return fail(std::move(step).error().with_context(
          fmt::format("layer {} is said to be {}", recipe_.source.digest.to_string(), io::to_string(recipe_.from))));
    }
    packed_.consume(step->consumed);
    if (step->produced > 0) {
      plain_ = room.first(step->produced);
      plain_hasher_.update(plain_);
      unpacked_ += plain_.size();
      if (unpacked_ <= kMaxUnpacked) return {};
      return fail(ErrorCode::kProtocol, fmt::format("layer {} unpacks to more than {}, the limit",
                                                    recipe_.source.digest.to_string(), format_bytes(kMaxUnpacked)));
    }
    if (source_ended_ && packed_.empty() && step->consumed == 0) {
      FL_CHECK(check_plain());
      plain_ended_ = true;
      return {};
    }
  }
}

Status RecompressingReader::fetch() {
  packed_.reset();  // to the queue, which has to have a free chunk
  FL_TRY(packed_, source_->read());
  if (!packed_) {
    source_ended_ = true;
    return check_source();
  }
  received_ += packed_.size();
  progress_->bytes_moved.fetch_add(packed_.size(), std::memory_order_relaxed);
  source_hasher_.update(packed_.bytes());
  if (received_ <= recipe_.source.size) return {};
  return fail(ErrorCode::kIntegrity, fmt::format("layer {} has more than the {} bytes that its manifest says",
                                                 recipe_.source.digest.to_string(), recipe_.source.size));
}

Status RecompressingReader::check_source() {
  const oci::Descriptor& source = recipe_.source;
  if (received_ < source.size) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("layer {} ended after {} of {} bytes", source.digest.to_string(), received_, source.size));
  }
  if (const oci::Digest digest = source_hasher_.finish(); digest != source.digest) {
    return fail(ErrorCode::kIntegrity, fmt::format("layer {} came with other bytes, with digest {}",
                                                   source.digest.to_string(), digest.to_string()));
  }
  return {};
}

Status RecompressingReader::check_plain() {
  FL_CHECK(decompressor_->finish());
  if (const oci::Digest digest = plain_hasher_.finish(); digest != recipe_.diff_id) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("layer {} unpacks to {}, but the image's config says {}", recipe_.source.digest.to_string(),
                            digest.to_string(), recipe_.diff_id.to_string()));
  }
  return {};
}

}  // namespace freightliner::copy
