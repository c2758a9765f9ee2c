#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "freightliner/replicate/tree_replicator.h"
#include "replicate/repository_listing.h"

namespace freightliner::replicate {

/// Collects what became of each reference and keeps the counts, the progress, the checkpoint and the log in step with
/// it. Safe from any thread.
class ResultBook {
 public:
  explicit ResultBook(const TreeServices& services)
      : services_(services), retries_before_(services.progress.retries.load()) {}

  /// The tags of a repository that were left out or could not be judged; the selected ones come one by one.
  void add_listing(const RepositoryListing& listing);
  void add_skipped_repositories(std::uint64_t count);
  /// One result. A failure is logged at once; what is at the destination now goes to the checkpoint.
  void add(ReferenceResult result);
  void add_blobs(const copy::CopyReport& report);
  /// A repository as a whole.
  void add_failed_repository(std::shared_ptr<const RepositoryPair> repository, const Error& error);

  bool has_failures() const;
  /// True where something failed that makes deletions unsafe: a list, or a login.
  bool forbids_deletion() const;
  /// Ends the book: moves what it holds into the report.
  void close(TreeReport& report);

 private:
  void count(const ReferenceResult& result);

  const TreeServices& services_;
  const std::uint64_t retries_before_;  // of earlier runs of the process
  mutable std::mutex mutex_;
  TreeTotals totals_;
  std::vector<ReferenceResult> references_;
  std::uint64_t failed_tags_ = 0;  // of totals_.failed, those that are tags of the source
  bool forbids_deletion_ = false;
};

}  // namespace freightliner::replicate
