#include "copy/relay.h"

#include <fmt/format.h>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

RelayFailure broken(Error error, RelaySide side) {
  return {std::move(error), side};
}

RelayFailure wrong_bytes(std::string message) {
  return {Error(ErrorCode::kIntegrity, std::move(message)), RelaySide::kSource};
}

}  // namespace

std::optional<RelayFailure> relay(io::BlobReader& reader, io::BlobWriter& writer, const oci::Descriptor& blob,
                                  runtime::Progress& progress) {
  io::Hasher hasher(blob.digest.algorithm());
  std::uint64_t received = 0;
  io::Chunk withheld;
  for (;;) {
    Result<io::Chunk> chunk = reader.read();
    if (!chunk) return broken(std::move(chunk).error(), RelaySide::kSource);
    if (!*chunk) break;
    received += chunk->size();
    if (received > blob.size) {
      return wrong_bytes(
          fmt::format("blob {} has more than the {} bytes that its manifest says", blob.digest.to_string(), blob.size));
    }
    progress.bytes_moved.fetch_add(chunk->size(), std::memory_order_relaxed);
    hasher.update(chunk->bytes());
    if (withheld) {
      if (Status written = writer.write(std::move(withheld)); !written) {
        return broken(std::move(written).error(), RelaySide::kDestination);
      }
    }
    withheld = *std::move(chunk);
  }
  if (received < blob.size) {
    return wrong_bytes(fmt::format("blob {} ended after {} of {} bytes", blob.digest.to_string(), received, blob.size));
  }
  if (const oci::Digest digest = hasher.finish(); digest != blob.digest) {
    return wrong_bytes(
        fmt::format("blob {} came with other bytes, with digest {}", blob.digest.to_string(), digest.to_string()));
  }
  Status settled;
  if (withheld) settled = writer.write(std::move(withheld));
  if (settled) settled = writer.commit();
  if (!settled) return broken(std::move(settled).error(), RelaySide::kDestination);
  return std::nullopt;
}

}  // namespace freightliner::copy
