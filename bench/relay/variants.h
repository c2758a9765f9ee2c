#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "freightliner/http/session.h"
#include "freightliner/io/buffer_pool.h"

namespace freightliner::bench {

struct RelayJob {
  int port = 0;
  bool tls = false;
  std::uint64_t blob_bytes = 0;
  std::string digest;
};

/// The floor: recv (SSL_read), SHA-256, send (SSL_write) with one buffer, over two blocking sockets.
void relay_raw(const RelayJob& job, std::size_t buffer_size);

/// The product's own path: http::Session, ChunkQueue, copy::relay(). Confined to one thread.
class RelayWorker {
 public:
  /// `pool` outlives the worker and may be shared by several.
  RelayWorker(io::BufferPool& pool, std::size_t chunk_size, std::size_t chunks);
  ~RelayWorker();
  RelayWorker(const RelayWorker&) = delete;
  RelayWorker& operator=(const RelayWorker&) = delete;

  /// One blob. Returns the bytes that were moved.
  std::uint64_t relay(const RelayJob& job);

 private:
  http::SharedCaches caches_;
  std::unique_ptr<http::Session> session_;
  io::BufferPool& pool_;
  std::size_t chunk_size_;
  std::size_t chunks_;
};

}  // namespace freightliner::bench
