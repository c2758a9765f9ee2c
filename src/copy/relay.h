#pragma once

#include "freightliner/io/blob_reader.h"
#include "freightliner/io/blob_writer.h"
#include "freightliner/oci/descriptor.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::copy {

/// Where a relay broke off: a broken source was already resumed as often as makes sense, a broken destination can be
/// tried again from byte 0.
enum class RelaySide { kSource, kDestination };

/// What a relay has read before its writer was set back (ErrorReason::kSetBack): part of it is at the destination.
struct EarlierReading {
  std::uint64_t bytes;
  oci::Digest digest;  ///< of those bytes
};

struct RelayFailure {
  Error error;
  RelaySide side;
  std::optional<EarlierReading> read = std::nullopt;  ///< where the writer was set back
};

/// Moves one blob from reader to writer, hashing on the way. The last chunk is withheld until size and digest match, so
/// a destination never holds all bytes of a blob that is wrong, whatever it would accept. Nothing is written beyond the
/// descriptor's size. `earlier`: what a relay to the same writer has read; the reader, which begins anew, must bring
/// the same bytes, or what the destination has kept of them is not what is hashed. nullopt: the writer has committed
/// the blob.
std::optional<RelayFailure> relay(io::BlobReader& reader, io::BlobWriter& writer, const oci::Descriptor& blob,
                                  runtime::Progress& progress,
                                  const std::optional<EarlierReading>& earlier = std::nullopt);

}  // namespace freightliner::copy
