#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace freightliner::bench {

struct RelayJob {
  int port = 0;
  bool tls = false;
  std::uint64_t blob_bytes = 0;
  std::string digest;
};

/// The floor: recv (SSL_read), SHA-256, send (SSL_write) with one buffer, over two blocking sockets.
void relay_raw(const RelayJob& job, std::size_t buffer_size);

/// The product's own path: http::Session, ChunkQueue, copy::relay().
void relay_freightliner(const RelayJob& job, std::size_t chunk_size, std::size_t chunks);

}  // namespace freightliner::bench
