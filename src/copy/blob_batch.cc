#include "copy/blob_batch.h"

#include <mutex>

#include "freightliner/runtime/parallel_for.h"

namespace freightliner::copy {
namespace {

/// What the tasks of a batch share.
class Batch {
 public:
  explicit Batch(runtime::Progress& progress) : progress_(progress) {}

  std::stop_source& stop() noexcept { return stop_; }

  void finish(const oci::Descriptor& blob, Result<BlobMover::Outcome> outcome) {
    const std::lock_guard lock(mutex_);
    if (outcome) {
      count(blob, *outcome);
    } else {
      // Failures that follow from the stop must not hide the one that caused it.
      if (!failure_ || failure_->code() == ErrorCode::kCancelled) failure_ = std::move(outcome).error();
      stop_.request_stop();
    }
  }

  /// When all is done.
  Result<BlobCounts> take() {
    const std::lock_guard lock(mutex_);
    if (failure_) return fail(*std::move(failure_));
    return counts_;
  }

 private:
  void count(const oci::Descriptor& blob, BlobMover::Outcome outcome) {
    switch (outcome) {
      case BlobMover::Outcome::kPresent:
        ++counts_.present;
        break;
      case BlobMover::Outcome::kMounted:
        ++counts_.mounted;
        break;
      case BlobMover::Outcome::kCopied:
        ++counts_.copied;
        counts_.bytes_copied += blob.size;
        break;
    }
    progress_.blobs_done.fetch_add(1, std::memory_order_relaxed);
    progress_.bytes_done.fetch_add(blob.size, std::memory_order_relaxed);
  }

  std::mutex mutex_;
  BlobCounts counts_;
  std::optional<Error> failure_;
  std::stop_source stop_;
  runtime::Progress& progress_;
};

}  // namespace

Result<BlobCounts> move_blobs(http::Caller& caller, const CopyServices& services, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust) {
  Batch batch(services.progress);
  const std::stop_callback relay_stop(caller.stop, [&] { batch.stop().request_stop(); });
  const auto move_one = [&](std::optional<std::size_t> worker, std::size_t index) {
    const oci::Descriptor& blob = blobs[index];
    if (batch.stop().stop_requested()) return batch.finish(blob, fail(ErrorCode::kCancelled, "stopped"));
    http::Session& session = worker ? services.sessions.of(*worker) : caller.session;
    http::Caller mine{session, batch.stop().get_token()};
    Result<BlobMover::Outcome> outcome = mover.move(mine, blob, trust);
    if (!outcome) outcome = fail(std::move(outcome).error().with_context("blob " + blob.digest.to_string()));
    batch.finish(blob, std::move(outcome));
  };
  runtime::parallel_for(services.workers, blobs.size(), services.helpers, move_one);
  return batch.take();
}

}  // namespace freightliner::copy
