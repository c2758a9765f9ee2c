#pragma once

#include <cstddef>

#include "freightliner/io/buffer_pool.h"

namespace freightliner::copy {

/// The buffer between unpacking a layer and packing it anew, in bytes.
inline constexpr std::size_t kPlainBuffer = 256 * kKiB;

/// What the buffers take that the recompression of one layer holds, in bytes: a queue on each side of the codec, and
/// the plain bytes between them.
constexpr std::size_t recompress_buffer_bytes(std::size_t chunk_size, std::size_t chunks_per_queue) {
  return 2 * chunks_per_queue * io::buffer_capacity(chunk_size) + kPlainBuffer;
}

}  // namespace freightliner::copy
