#include "freightliner/replicate/tree_replicator.h"

#include <fmt/format.h>

#include <map>

#include "replicate/discovery.h"
#include "replicate/listing_queue.h"
#include "replicate/pruner.h"
#include "replicate/reference_copy.h"
#include "replicate/result_book.h"
#include "replicate/worker_call.h"

namespace freightliner::replicate {
namespace {

using transport::ImageTree;

/// One run from beginning to end, in the thread that feeds the workers.
class ReplicationRun {
 public:
  ReplicationRun(const TreeServices& services, const std::stop_token& stop, ImageTree& source, ImageTree& destination,
                 const TreeOptions& options)
      : services_(services),
        stop_(stop),
        options_(options),
        places_{source, destination, options},
        book_(services),
        pruner_(services, destination, options) {}

  Status execute() {
    if (options_.only) {
      FL_CHECK(copy_failed_ones(*options_.only));
    } else {
      FL_CHECK(copy_tree());
    }
    if (stop_.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    if (options_.fail_on_empty && selected_ == 0 && !book_.has_failures()) {
      return fail(ErrorCode::kNotFound, "no tag is selected, and --fail-on-empty is set: look at the filters");
    }
    return {};
  }

  ResultBook& book() noexcept { return book_; }

 private:
  using Listing = std::shared_ptr<const RepositoryListing>;

  Status copy_tree() {
    // While the source tells what it has, a worker finds out how the destination speaks.
    services_.workers.submit([this](std::size_t worker) {
      http::Caller mine{services_.sessions.of(worker), stop_};
      places_.destination.greet(mine);
    });
    FL_TRY(const Discovery discovery, call_in_worker(services_, stop_, [&](http::Caller& caller) {
             return discover(services_, caller, {places_.source, places_.destination}, options_.selection);
           }));
    book_.add_skipped_repositories(discovery.skipped);
    copy_repositories(discovery);
    services_.workers.wait_idle();
    if (selected_ == 0) services_.log.warn("no tag is selected: nothing to copy");
    if (!options_.delete_extra || stop_.stop_requested() || is_over()) return {};
    return call_in_worker(services_, stop_, [&](http::Caller& caller) { return prune(caller, discovery); });
  }

  void copy_repositories(const Discovery& discovery) {
    const ListingPlaces listing_places{places_.source, places_.destination, options_.selection, discovery.explicitly};
    services_.progress.repositories_total.fetch_add(discovery.repositories.size(), std::memory_order_relaxed);
    ListingQueue queue(services_, listing_places, stop_, discovery.repositories);
    while (!is_over()) {
      auto item = queue.next();
      if (!item) return;
      if (!item->listing) {
        book_.add_failed_repository(item->names, item->listing.error());
        continue;
      }
      const auto listing = std::make_shared<const RepositoryListing>(*std::move(item->listing));
      book_.add_listing(*listing);
      selected_ += listing->selected.size();
      if (options_.delete_extra) note_extra(*listing, discovery.overlap);
      feed(listing);
    }
  }

  void note_extra(const RepositoryListing& listing, const SourceOverlap& overlap) {
    if (listing.hidden) {
      services_.log.warn(
          "{0}: the source's catalog lists it, and its list of tags is not there: it may be empty, or not for us to "
          "see; to delete nothing in it alone, leave it out with --exclude-repo {0}",
          listing.names->source);
    } else if (!overlap.holds(listing.names->destination)) {
      pruner_.add(listing);
    }
  }

  void feed(const Listing& listing) {
    for (std::size_t i = 0; i < listing->selected.size() && !is_over(); ++i) {
      if (auto settled = settle_without_request(services_, options_, *listing, listing->selected[i])) {
        book_.add(*std::move(settled));
        continue;
      }
      services_.workers.feed([this, listing, i](std::size_t worker) {
        if (is_over()) return;
        http::Caller mine{services_.sessions.of(worker), stop_};
        copy_reference(mine, services_, places_, *listing, listing->selected[i], book_);
      });
    }
  }

  // Single tags without a list; repositories that failed as a whole are listed as ever.
  Status copy_failed_ones(const std::vector<FailedReference>& failed) {
    std::map<std::string, RepositoryListing> by_repository;
    Discovery whole;
    whole.explicitly = true;
    for (const FailedReference& reference : failed) {
      const auto names = std::make_shared<const RepositoryPair>(reference.repository);
      if (reference.tag.empty()) {
        whole.repositories.push_back(names);
        continue;
      }
      RepositoryListing& listing = by_repository[reference.repository.source];
      listing.names = names;
      listing.selected.push_back(reference.tag);
      ++listing.tags;
    }
    services_.progress.repositories_total.fetch_add(by_repository.size(), std::memory_order_relaxed);
    for (auto& [name, tags] : by_repository) {
      const auto listing = std::make_shared<const RepositoryListing>(std::move(tags));
      book_.add_listing(*listing);
      selected_ += listing->selected.size();
      feed(listing);
    }
    copy_repositories(whole);
    services_.workers.wait_idle();
    return {};
  }

  Status prune(http::Caller& caller, const Discovery& discovery) {
    if (book_.forbids_deletion()) {
      return fail(ErrorCode::kPartial, "nothing is deleted (--delete-extra): not every list could be read");
    }
    // A wrong name, or a registry that has lost its storage: that is no list of what may go.
    if (discovery.repositories.empty() && discovery.skipped == 0) {
      return fail(ErrorCode::kPartial, "nothing is deleted (--delete-extra): the source has no repository at all");
    }
    FL_TRY(const std::vector<std::string> abandoned,
           find_abandoned(caller, places_.destination, options_.selection, discovery));
    for (const std::string& repository : abandoned) {
      FL_CHECK(pruner_.add_abandoned(caller, repository));
    }
    return pruner_.run(caller, book_);
  }

  bool is_over() const { return stop_.stop_requested() || (options_.fail_fast && book_.has_failures()); }

  const TreeServices& services_;
  const std::stop_token& stop_;
  const TreeOptions& options_;
  CopyPlaces places_;
  ResultBook book_;
  Pruner pruner_;
  std::size_t selected_ = 0;
};

}  // namespace

TreeReport TreeReplicator::run(const std::stop_token& stop, ImageTree& source, ImageTree& destination,
                               const TreeOptions& options) const {
  TreeReport report;
  report.source = source.name().to_string();
  report.destination = destination.name().to_string();
  report.dry_run = options.copy.dry_run;
  report.started = services_.clock.wall_time();
  const TimePoint start = services_.clock.now();
  ReplicationRun replication(services_, stop, source, destination, options);
  const Status done = replication.execute();
  services_.workers.wait_idle();
  if (!done) report.error = done.error();
  replication.book().close(report);
  report.duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
  return report;
}

}  // namespace freightliner::replicate
