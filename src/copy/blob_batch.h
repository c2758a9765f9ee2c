#pragma once

#include <functional>
#include <vector>

#include "copy/blob_mover.h"

namespace freightliner::copy {

struct BlobCounts {
  std::uint64_t copied = 0;
  std::uint64_t mounted = 0;
  std::uint64_t present = 0;
  std::uint64_t bytes_copied = 0;
};

/// Does something for each of an image's blobs, in the calling thread and in workers that are free, and waits for all
/// of it. The first failure stops the others, and is the one that is returned; each blob is counted as done.
Status for_each_blob(http::Caller& caller, const CopyServices& services,
                     const std::vector<const oci::Descriptor*>& blobs,
                     const std::function<Status(http::Caller&, std::size_t index)>& body);

/// Moves all blobs of an image. What was moved stays where one fails, so that a rerun finds it.
Result<BlobCounts> move_blobs(http::Caller& caller, const CopyServices& services, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust);

}  // namespace freightliner::copy
