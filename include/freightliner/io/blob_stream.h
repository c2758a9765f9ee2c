#pragma once

#include "freightliner/io/chunk_queue.h"
#include "freightliner/oci/descriptor.h"

namespace freightliner::io {

/// Takes the bytes of a blob whose size and digest nobody knows before the last of them, as those that are compressed
/// on the way. Else as BlobWriter: confined to one thread, undone when destroyed uncommitted.
class BlobStream {
 public:
  virtual ~BlobStream() = default;
  /// Takes the chunk. On return the chunk's queue has at least one free chunk, or an error is returned.
  virtual Status write(Chunk chunk) = 0;
  /// Makes what was written the blob of this digest and size, which the caller has computed over just these bytes.
  virtual Status commit(const oci::Descriptor& blob) = 0;
  /// Undoes everything; idempotent; does not fail.
  virtual void abort() noexcept = 0;
};

}  // namespace freightliner::io
