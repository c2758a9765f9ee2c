#pragma once

#include <cstdint>
#include <optional>

#include "freightliner/io/chunk_queue.h"

namespace freightliner::io {

/// A blob's bytes, in order, once. HTTP bodies, layout files and archive members implement it. Confined to one thread.
/// Chunks come from the ChunkQueue the reader was opened with.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  /// The next bytes (a chunk with size() > 0), or an empty handle at the end. Needs one free chunk in the queue or one
  /// that the transfer under way will free. Errors: kTemporary where opening again may help.
  virtual Result<Chunk> read() = 0;
  /// The length that the source declared, where it did. A claim, not a fact: count the bytes.
  virtual std::optional<std::uint64_t> declared_size() const = 0;
};

}  // namespace freightliner::io
