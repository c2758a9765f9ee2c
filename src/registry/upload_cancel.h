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
  /// Bytes that the registry holds of what was sent before, by an earlier run or before it lost some: they are not sent
  /// again.
  std::uint64_t offset = 0;
  /// The run's journal names the session.
  bool noted = false;
};

/// A session that the run has to finish or to cancel: registered for clean-up as soon as the registry has named it.
/// Confined to the caller's thread. Move-only.
class OpenUpload {
 public:
  /// The exchange and the caller's session outlive it.
  OpenUpload(Exchange& exchange, const http::Caller& caller, UploadSession session);
  UploadSession& session() noexcept { return *session_; }
  /// Notes in the run's journal, where there is one, that the registry has confirmed `offset` bytes and is about to get
  /// those up to `reach`. A small blob is not noted: sending it again costs no more than asking for its session.
  void note(std::uint64_t offset, std::uint64_t reach);
  /// Ends the session where nobody will finish it: GET its status, DELETE at the Location which that answer returns (a
  /// stale Location is refused), each once more where it meets a temporary fault. Bounded in time, also while the run
  /// is being stopped. Where it can't be ended, the journal goes on naming it.
  void cancel() noexcept { cleanup_.run(); }
  /// The registry has made a blob of it.
  void settle();

 private:
  Exchange* exchange_;                      // never null
  std::shared_ptr<UploadSession> session_;  // shared with the clean-up
  runtime::CleanupRegistry::Registration cleanup_;
};

}  // namespace freightliner::registry
