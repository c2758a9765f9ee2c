#pragma once

#include "freightliner/io/blob_reader.h"
#include "freightliner/io/blob_writer.h"
#include "freightliner/oci/descriptor.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::copy {

/// Where a relay broke off: a broken source was already resumed as often as makes sense, a broken destination can be
/// tried again from byte 0.
enum class RelaySide { kSource, kDestination };

struct RelayFailure {
  Error error;
  RelaySide side;
};

/// Moves one blob from reader to writer, hashing on the way. The last chunk is withheld until size and digest match, so
/// a destination never holds all bytes of a blob that is wrong, whatever it would accept. Nothing is written beyond the
/// descriptor's size. nullopt: the writer has committed the blob.
std::optional<RelayFailure> relay(io::BlobReader& reader, io::BlobWriter& writer, const oci::Descriptor& blob,
                                  runtime::Progress& progress);

}  // namespace freightliner::copy
