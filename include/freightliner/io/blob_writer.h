#pragma once

#include "freightliner/io/chunk_queue.h"

namespace freightliner::io {

/// Takes a blob's bytes and makes them the blob at commit(), not before. Confined to one thread. Destroying a writer
/// that was not committed undoes it (upload cancelled, temporary file removed), as abort() does.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  /// Takes the chunk. On return the chunk's queue has at least one free chunk, or an error is returned. After
  /// ErrorReason::kSetBack the writer, which then holds no chunk, may be given the whole blob again, from its start.
  virtual Status write(Chunk chunk) = 0;
  /// Makes the bytes written the blob that the writer was opened for. The caller has checked size and digest before the
  /// last write(); the writer makes them durable or has the registry confirm them.
  virtual Status commit() = 0;
  /// Undoes everything; idempotent; does not fail (what can't be undone is logged).
  virtual void abort() noexcept = 0;
};

}  // namespace freightliner::io
