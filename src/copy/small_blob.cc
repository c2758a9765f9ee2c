#include "freightliner/copy/small_blob.h"

#include <fmt/format.h>

#include "freightliner/io/hasher.h"

namespace freightliner::copy {
namespace {

constexpr std::uint64_t kMaxSmallBlob = 4 * kMiB;

}  // namespace

Result<std::string> read_small_blob(transport::ImageSource& source, http::Caller& caller, io::BufferPool& buffers,
                                    const oci::Descriptor& blob) {
  if (blob.size > kMaxSmallBlob) {
    return fail(ErrorCode::kProtocol,
                fmt::format("config {} is larger than {}", blob.digest.to_string(), format_bytes(kMaxSmallBlob)));
  }
  io::ChunkQueue queue(buffers, io::kNetworkBufferSize, 3);
  FL_TRY(const auto reader, source.open_blob(caller, blob, queue));
  std::string bytes;
  for (;;) {
    FL_TRY(const io::Chunk chunk, reader->read());
    if (!chunk) break;
    bytes.append(as_text(chunk.bytes()));
    if (bytes.size() > blob.size) break;
  }
  if (bytes.size() != blob.size || io::digest_of(bytes, blob.digest.algorithm()) != blob.digest) {
    return fail(ErrorCode::kIntegrity, fmt::format("config {} came with other bytes", blob.digest.to_string()));
  }
  return bytes;
}

}  // namespace freightliner::copy
