#pragma once

#include <vector>

#include "copy/blob_mover.h"

namespace freightliner::copy {

struct BlobCounts {
  std::uint64_t copied = 0;
  std::uint64_t mounted = 0;
  std::uint64_t present = 0;
  std::uint64_t bytes_copied = 0;
};

/// Moves all blobs of an image, in the calling thread and in workers that are free, and waits for them. The first
/// failure stops the others; what was moved stays, so that a rerun finds it.
Result<BlobCounts> move_blobs(http::Caller& caller, const CopyServices& services, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust);

}  // namespace freightliner::copy
