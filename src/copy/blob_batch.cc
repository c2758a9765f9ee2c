#include "copy/blob_batch.h"

#include <algorithm>
#include <mutex>

#include "freightliner/base/guarded.h"
#include "freightliner/runtime/parallel_for.h"

namespace freightliner::copy {
namespace {

/// What the tasks of a batch share.
class Batch {
 public:
  explicit Batch(runtime::Progress& progress) : progress_(progress) {}

  std::stop_source& stop() noexcept { return stop_; }

  void finish(const oci::Descriptor& blob, Status outcome) {
    if (outcome) {
      progress_.blobs_done.fetch_add(1, std::memory_order_relaxed);
      progress_.bytes_done.fetch_add(blob.size, std::memory_order_relaxed);
      return;
    }
    const std::lock_guard lock(mutex_);
    // Failures that follow from the stop must not hide the one that caused it, nor one that has a cause of its own.
    if (!failure_ || !failure_->names_cause()) failure_ = std::move(outcome).error();
    stop_.request_stop();
  }

  /// When all is done.
  Status take() {
    const std::lock_guard lock(mutex_);
    if (failure_) return fail(*std::move(failure_));
    return {};
  }

 private:
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::stop_source stop_;
  runtime::Progress& progress_;
};

void count(BlobCounts& counts, const oci::Descriptor& blob, BlobMover::Outcome outcome) {
  switch (outcome) {
    case BlobMover::Outcome::kPresent:
      ++counts.present;
      break;
    case BlobMover::Outcome::kMounted:
      ++counts.mounted;
      break;
    case BlobMover::Outcome::kCopied:
      ++counts.copied;
      counts.bytes_copied += blob.size;
      break;
  }
}

}  // namespace

Status for_each_blob(http::Caller& caller, const CopyServices& services,
                     const std::vector<const oci::Descriptor*>& blobs,
                     const std::function<Status(http::Caller&, std::size_t index)>& body) {
  services.progress.blobs_total.fetch_add(blobs.size(), std::memory_order_relaxed);
  for (const oci::Descriptor* blob : blobs) {
    services.progress.bytes_total.fetch_add(blob->size, std::memory_order_relaxed);
  }
  Batch batch(services.progress);
  const std::stop_callback relay_stop(caller.stop, [&] { batch.stop().request_stop(); });
  const auto do_one = [&](std::optional<std::size_t> worker, std::size_t index) {
    const oci::Descriptor& blob = *blobs[index];
    if (batch.stop().stop_requested()) return batch.finish(blob, fail(ErrorCode::kCancelled, "stopped"));
    http::Session& session = worker ? services.sessions.of(*worker) : caller.session;
    http::Caller mine{session, batch.stop().get_token()};
    Status outcome = body(mine, index);
    if (!outcome) outcome = fail(std::move(outcome).error().with_context("blob " + blob.digest.to_string()));
    batch.finish(blob, std::move(outcome));
  };
  runtime::parallel_for(services.workers, blobs.size(), services.helpers, do_one);
  return batch.take();
}

Result<BlobCounts> move_blobs(http::Caller& caller, const CopyServices& services, BlobMover& mover,
                              const std::vector<oci::Descriptor>& blobs, BlobMover::Trust trust) {
  std::vector<const oci::Descriptor*> pointers(blobs.size());
  std::ranges::transform(blobs, pointers.begin(), [](const oci::Descriptor& blob) { return &blob; });
  Guarded<BlobCounts> counts;
  FL_CHECK(for_each_blob(caller, services, pointers, [&](http::Caller& mine, std::size_t index) -> Status {
    FL_TRY(const BlobMover::Outcome outcome, mover.move(mine, blobs[index], trust));
    counts.with([&](BlobCounts& all) { count(all, blobs[index], outcome); });
    return {};
  }));
  return counts.with([](const BlobCounts& all) { return all; });
}

}  // namespace freightliner::copy
