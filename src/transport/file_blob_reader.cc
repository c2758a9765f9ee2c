#include "transport/file_blob_reader.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace freightliner::transport {

FileBlobReader::FileBlobReader(FileRange range, io::ChunkQueue& queue, std::string name)
    : range_(std::move(range)), queue_(queue), name_(std::move(name)) {
  // A hint: where it is refused, reading is as right as before.
  static_cast<void>(posix_fadvise(range_.file->get(), static_cast<off_t>(range_.offset),
                                  static_cast<off_t>(range_.size), POSIX_FADV_SEQUENTIAL));
}

Result<io::Chunk> FileBlobReader::read() {
  if (position_ == range_.size) return io::Chunk();
  io::Chunk chunk = queue_.try_take();
  if (!chunk) return fail(ErrorCode::kInternal, fmt::format("no free chunk to read {} into", name_));
  const MutableByteSpan room = chunk.writable();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), range_.size - position_));
  auto count = io::read_at(*range_.file, range_.offset + position_, room.first(wanted));
  if (!count) return fail(std::move(count).error().with_context(name_));
  if (*count < wanted) {
    return fail(ErrorCode::kIntegrity, fmt::format("{} was cut while it was read: {} bytes are there and {} must be",
                                                   name_, position_ + *count, range_.size));
  }
  chunk.filled(*count);
  position_ += *count;
  return chunk;
}

}  // namespace freightliner::transport
