#include "copy/blob_batch.h"

namespace freightliner::copy {
namespace {

/// What the tasks of a batch share.
class Batch {
 public:
  Batch(std::size_t tasks, runtime::Progress& progress) : left_(tasks), progress_(progress) {}

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
    if (--left_ == 0) done_.notify_all();
  }

  Result<BlobCounts> wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
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
  std::condition_variable done_;
  std::size_t left_;
  BlobCounts counts_;
  std::optional<Error> failure_;
  std::stop_source stop_;
  runtime::Progress& progress_;
};

}  // namespace

Result<BlobCounts> move_blobs(const CopyServices& services, WorkerSessions& sessions, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust,
                              const std::stop_token& stop) {
  if (blobs.empty()) return BlobCounts();
  Batch batch(blobs.size(), services.progress);
  const std::stop_callback relay_stop(stop, [&] { batch.stop().request_stop(); });
  for (const oci::Descriptor& blob : blobs) {
    services.workers.submit([&, blob = &blob](std::size_t worker) {
      if (batch.stop().stop_requested()) {
        return batch.finish(*blob, fail(ErrorCode::kCancelled, "stopped"));
      }
      http::Caller caller{sessions.of(worker), batch.stop().get_token()};
      Result<BlobMover::Outcome> outcome = mover.move(caller, *blob, trust);
      if (!outcome) outcome = fail(std::move(outcome).error().with_context("blob " + blob->digest.to_string()));
      batch.finish(*blob, std::move(outcome));
    });
  }
  return batch.wait();
}

}  // namespace freightliner::copy
