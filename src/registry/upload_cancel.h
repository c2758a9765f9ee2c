#pragma once

#include <memory>

#include "registry/exchange.h"

namespace freightliner::registry {

/// An upload session at the registry: the Location it is at now and what is needed to go on or to cancel it.
struct UploadSession {
  std::string repository;
  oci::Descriptor blob;
  http::Url location;
  /// OCI-Chunk-Min-Length; 0 where the registry did not ask for one.
  std::uint64_t minimum_chunk = 0;
};

/// A session that the run has to finish or to cancel: registered for clean-up as soon as the registry has named it.
/// Confined to the caller's thread. Move-only.
class OpenUpload {
 public:
  /// The exchange and the caller's session outlive it.
  OpenUpload(Exchange& exchange, const http::Caller& caller, UploadSession session);
  UploadSession& session() noexcept { return *session_; }
  /// Ends the session where nobody will finish it: GET its status, DELETE at the Location which that answer returns (a
  /// stale Location is refused). Bounded in time, also while the run is being stopped.
  void cancel() noexcept { cleanup_.run(); }
  /// The registry has made a blob of it.
  void settle() noexcept { cleanup_.release(); }

 private:
  std::shared_ptr<UploadSession> session_;  // shared with the clean-up
  runtime::CleanupRegistry::Registration cleanup_;
};

}  // namespace freightliner::registry
