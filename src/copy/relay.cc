#include "copy/relay.h"

#include <fmt/format.h>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

RelayFailure source_broke(Error error) {
  return {std::move(error), RelaySide::kSource};
}

RelayFailure wrong_bytes(std::string message) {
  return source_broke(Error(ErrorCode::kIntegrity, std::move(message)));
}

/// The hash of what is read, and its comparison with an earlier reading on the way.
class Reading {
 public:
  Reading(const oci::Descriptor& blob, const std::optional<EarlierReading>& earlier)
      : hasher_(blob.digest.algorithm()), earlier_(earlier) {}

  std::uint64_t bytes() const noexcept { return bytes_; }
  /// False: the earlier reading had other bytes.
  bool add(ByteSpan bytes) {
    bool same = true;
    if (earlier_ && bytes_ < earlier_->bytes && bytes_ + bytes.size() >= earlier_->bytes) {
      const auto part = static_cast<std::size_t>(earlier_->bytes - bytes_);
      hasher_.update(bytes.first(part));
      bytes_ += part;
      bytes = bytes.subspan(part);
      same = hasher_.digest_so_far() == earlier_->digest;
    }
    hasher_.update(bytes);
    bytes_ += bytes.size();
    return same;
  }
  oci::Digest digest() const { return hasher_.digest_so_far(); }

  RelayFailure destination_broke(Error error) const {
    RelayFailure failure{std::move(error), RelaySide::kDestination};
    // The upload may hold bytes of the earlier reading that were never compared: then it is begun anew.
    const bool compared = !earlier_ || bytes_ >= earlier_->bytes;
    if (failure.error.reason() == ErrorReason::kSetBack && compared) failure.read = EarlierReading{bytes_, digest()};
    return failure;
  }

 private:
  io::Hasher hasher_;
  std::uint64_t bytes_ = 0;
  const std::optional<EarlierReading>& earlier_;
};

}  // namespace

std::optional<RelayFailure> relay(io::BlobReader& reader, io::BlobWriter& writer, const oci::Descriptor& blob,
                                  runtime::Progress& progress, const std::optional<EarlierReading>& earlier) {
  Reading reading(blob, earlier);
  io::Chunk withheld;
  for (;;) {
    Result<io::Chunk> chunk = reader.read();
    if (!chunk) return source_broke(std::move(chunk).error());
    if (!*chunk) break;
    if (reading.bytes() + chunk->size() > blob.size) {
      return wrong_bytes(
          fmt::format("blob {} has more than the {} bytes that its manifest says", blob.digest.to_string(), blob.size));
    }
    progress.bytes_moved.fetch_add(chunk->size(), std::memory_order_relaxed);
    if (!reading.add(chunk->bytes())) {
      return wrong_bytes(fmt::format("blob {} came with other bytes when it was read again", blob.digest.to_string()));
    }
    if (withheld) {
      if (Status written = writer.write(std::move(withheld)); !written) {
        return reading.destination_broke(std::move(written).error());
      }
    }
    withheld = *std::move(chunk);
  }
  if (reading.bytes() < blob.size) {
    return wrong_bytes(
        fmt::format("blob {} ended after {} of {} bytes", blob.digest.to_string(), reading.bytes(), blob.size));
  }
  if (const oci::Digest digest = reading.digest(); digest != blob.digest) {
    return wrong_bytes(
        fmt::format("blob {} came with other bytes, with digest {}", blob.digest.to_string(), digest.to_string()));
  }
  Status settled;
  if (withheld) settled = writer.write(std::move(withheld));
  if (settled) settled = writer.commit();
  if (!settled) return reading.destination_broke(std::move(settled).error());
  return std::nullopt;
}

}  // namespace freightliner::copy
