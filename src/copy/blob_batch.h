#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "copy/blob_mover.h"

namespace freightliner::copy {

/// The sessions of the worker threads, made when first needed, each used by its own worker only.
class WorkerSessions {
 public:
  explicit WorkerSessions(const CopyServices& services) : services_(services), sessions_(services.workers.size()) {}
  http::Session& of(std::size_t worker) {
    if (!sessions_[worker]) sessions_[worker] = services_.make_session();
    return *sessions_[worker];
  }

 private:
  const CopyServices& services_;
  std::vector<std::unique_ptr<http::Session>> sessions_;
};

struct BlobCounts {
  std::uint64_t copied = 0;
  std::uint64_t mounted = 0;
  std::uint64_t present = 0;
  std::uint64_t bytes_copied = 0;
};

/// Moves all blobs of an image over the workers and waits for them. The first failure stops the others; what was moved
/// stays, so that a rerun finds it.
Result<BlobCounts> move_blobs(const CopyServices& services, WorkerSessions& sessions, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust,
                              const std::stop_token& stop);

}  // namespace freightliner::copy
