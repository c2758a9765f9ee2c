#include "replicate/result_book.h"

#include <fmt/format.h>

#include <algorithm>

#include "freightliner/base/text.h"
#include "freightliner/replicate/copy_record.h"

namespace freightliner::replicate {
namespace {

std::string name_of(const ReferenceResult& result) {
  const std::string tag = result.tag.empty() ? std::string() : ":" + result.tag;
  return fmt::format("{}{}",
                     result.repository->source.empty() ? result.repository->destination : result.repository->source,
                     printable(tag));
}

}  // namespace

void ResultBook::add_listing(const RepositoryListing& listing) {
  services_.progress.repositories_done.fetch_add(1, std::memory_order_relaxed);
  services_.progress.tags_total.fetch_add(listing.selected.size() + listing.unjudged.size(), std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    ++totals_.repositories;
    totals_.tags += listing.tags;
    totals_.skipped_by_filter += listing.filtered;
    // A filter that could not be applied could have kept anything.
    forbids_deletion_ = forbids_deletion_ || listing.hidden || !listing.unjudged.empty() || !listing.destination_tags;
  }
  for (const auto& [tag, error] : listing.unjudged) add(failed_result(listing.names, tag, error));
}

void ResultBook::add_skipped_repositories(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  totals_.repositories_skipped += count;
}

void ResultBook::add_failed_repository(std::shared_ptr<const RepositoryPair> repository, const Error& error) {
  services_.progress.repositories_done.fetch_add(1, std::memory_order_relaxed);
  add(failed_result(std::move(repository), {}, error));
  const std::lock_guard lock(mutex_);
  ++totals_.repositories;
  forbids_deletion_ = true;
}

void ResultBook::add(ReferenceResult result) {
  if (result.outcome == Outcome::kFailed && result.error_class != ErrorCode::kCancelled) {
    services_.log.warn("{}: {}", name_of(result), result.error);
  } else {
    services_.log.info("{}: {} ({})", name_of(result), to_string(result.outcome), to_string(result.reason));
  }
  const bool is_there = result.outcome == Outcome::kCopied || result.outcome == Outcome::kEqual;
  if (is_there && result.digest && services_.checkpoint != nullptr && result.reason != Reason::kCheckpoint) {
    const Status recorded = services_.checkpoint->record(result.repository->source, result.tag, *result.digest);
    // The tag is copied all the same; the next run only asks for it again.
    if (!recorded) services_.log.warn("{}", recorded.error().describe());
  }
  if (!result.tag.empty()) services_.progress.tags_done.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  count(result);
  references_.push_back(std::move(result));
}

void ResultBook::count(const ReferenceResult& result) {
  totals_.add(result.outcome);
  if (result.outcome != Outcome::kFailed) return;
  if (!result.tag.empty() && result.reason != Reason::kExtra) ++failed_tags_;
  forbids_deletion_ = forbids_deletion_ || result.error_class == ErrorCode::kAuthentication;
}

void ResultBook::add_blobs(const copy::CopyReport& report) {
  const std::lock_guard lock(mutex_);
  totals_.add_blobs(report);
}

bool ResultBook::has_failures() const {
  const std::lock_guard lock(mutex_);
  return totals_.failed > 0;
}

bool ResultBook::forbids_deletion() const {
  const std::lock_guard lock(mutex_);
  return forbids_deletion_;
}

void ResultBook::close(TreeReport& report) {
  const std::lock_guard lock(mutex_);
  totals_.retries = services_.progress.retries.load() - retries_before_;
  const TreeTotals& t = totals_;
  const std::uint64_t settled =
      t.copied + t.equal + t.kept + t.planned + t.skipped_by_filter + t.missing + t.different + failed_tags_;
  totals_.not_begun = t.tags - std::min(t.tags, settled);
  report.totals = totals_;
  report.references = std::move(references_);
}

}  // namespace freightliner::replicate
