#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace freightliner::bench {

/// A process of its own that serves any GET with `blob_bytes` of a fixed pattern and swallows any PUT, as fast as it
/// can, on a free loopback port, over http or https (with a certificate made at start). Its CPU time is not the
/// client's.
class BlobServer {
 public:
  BlobServer(std::uint64_t blob_bytes, bool tls);
  ~BlobServer();
  BlobServer(const BlobServer&) = delete;
  BlobServer& operator=(const BlobServer&) = delete;

  int port() const noexcept { return port_; }

 private:
  int port_ = 0;
  pid_t process_ = -1;
};

/// The digest of what a BlobServer serves, "sha256:…".
std::string digest_of_blob(std::uint64_t blob_bytes);

}  // namespace freightliner::bench
