#pragma once

#include <string>

#include "freightliner/io/blob_reader.h"
#include "transport/layout_files.h"

namespace freightliner::transport {

/// A blob that is a file, or a part of one. Chunks are filled whole, but for the last.
class FileBlobReader final : public io::BlobReader {
 public:
  /// `name` is what errors call the blob.
  FileBlobReader(FileRange range, io::ChunkQueue& queue, std::string name);
  Result<io::Chunk> read() override;
  std::optional<std::uint64_t> declared_size() const override { return range_.size; }

 private:
  FileRange range_;
  io::ChunkQueue& queue_;
  std::string name_;
  std::uint64_t position_ = 0;
};

}  // namespace freightliner::transport
