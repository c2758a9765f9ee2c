#include <fmt/format.h>

#include "freightliner/copy/recompress_mark.h"
#include "freightliner/replicate/copy_record.h"
#include "freightliner/replicate/tree_replicator.h"
#include "replicate/discovery.h"
#include "replicate/listing_queue.h"
#include "replicate/result_book.h"
#include "replicate/worker_call.h"

namespace freightliner::replicate {
namespace {

using transport::ImageTree;

/// Reads the whole closure of an image at the destination.
class ClosureCheck {
 public:
  ClosureCheck(http::Caller& caller, transport::ImageSource& manifests, transport::ImageDestination& blobs)
      : caller_(caller), manifests_(manifests), blobs_(blobs) {}

  /// Names the first thing that is missing; nullopt where all is there.
  Result<std::optional<std::string>> first_missing(const oci::RawManifest& manifest, int depth = 1) {
    if (depth > oci::kMaxIndexDepth) return fail(ErrorCode::kProtocol, "indexes are nested too deep");
    FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
    for (const oci::Descriptor& blob : oci::blobs_of(content)) {
      if (blob.is_foreign()) continue;
      FL_TRY(const bool there, blobs_.has_blob(caller_, blob));
      if (!there) return std::optional<std::string>("blob " + blob.digest.to_string());
    }
    for (const oci::Descriptor& child : oci::children_of(content)) {
      auto below = manifests_.manifest(caller_, child);
      if (!below && below.error().code() == ErrorCode::kNotFound) {
        return std::optional<std::string>("manifest " + child.digest.to_string());
      }
      if (!below) return fail(std::move(below).error());
      FL_TRY(auto missing, first_missing(*below, depth + 1));
      if (missing) return missing;
    }
    return std::optional<std::string>();
  }

 private:
  http::Caller& caller_;
  transport::ImageSource& manifests_;
  transport::ImageDestination& blobs_;
};

/// One comparison from beginning to end, in the thread that feeds the workers.
class CheckRun {
 public:
  CheckRun(const TreeServices& services, const std::stop_token& stop, ImageTree& source, ImageTree& destination,
           const CheckOptions& options)
      : services_(services),
        stop_(stop),
        source_(source),
        destination_(destination),
        options_(options),
        book_(services) {}

  Status execute() {
    FL_TRY(const Discovery discovery, call_in_worker(services_, stop_, [&](http::Caller& caller) {
             return discover(services_, caller, {source_, destination_}, options_.selection);
           }));
    book_.add_skipped_repositories(discovery.skipped);
    compare_all(discovery);
    services_.workers.wait_idle();
    if (stop_.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    FL_CHECK(call_in_worker(services_, stop_, [&](http::Caller& caller) { return add_abandoned(caller, discovery); }));
    if (options_.fail_on_empty && selected_ == 0 && !book_.has_failures()) {
      return fail(ErrorCode::kNotFound, "no tag is selected, and --fail-on-empty is set: look at the filters");
    }
    return {};
  }

  ResultBook& book() noexcept { return book_; }

 private:
  using Listing = std::shared_ptr<const RepositoryListing>;

  void compare_all(const Discovery& discovery) {
    const ListingPlaces places{source_, destination_, options_.selection, discovery.explicitly};
    services_.progress.repositories_total.fetch_add(discovery.repositories.size(), std::memory_order_relaxed);
    ListingQueue queue(services_, places, stop_, discovery.repositories);
    while (!stop_.stop_requested()) {
      auto item = queue.next();
      if (!item) return;
      if (!item->listing) {
        book_.add_failed_repository(item->names, item->listing.error());
        continue;
      }
      const auto listing = std::make_shared<const RepositoryListing>(*std::move(item->listing));
      book_.add_listing(*listing);
      selected_ += listing->selected.size();
      feed(listing);
      if (!discovery.overlap.holds(listing->names->destination)) add_extra(*listing);
    }
  }

  void feed(const Listing& listing) {
    for (std::size_t i = 0; i < listing->selected.size(); ++i) {
      if (stop_.stop_requested()) return;
      const std::string& tag = listing->selected[i];
      if (listing->destination_tags && !listing->destination_has(tag)) {
        book_.add({.repository = listing->names, .tag = tag, .outcome = Outcome::kMissing, .reason = Reason::kNew});
        continue;
      }
      services_.workers.feed([this, listing, i](std::size_t worker) {
        http::Caller mine{services_.sessions.of(worker), stop_};
        const std::string& name = listing->selected[i];
        const TimePoint start = services_.clock.now();
        auto result = compare(mine, *listing, name);
        if (!result) result = failed_result(listing->names, name, result.error());
        result->duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
        book_.add(*std::move(result));
      });
    }
  }

  Result<ReferenceResult> compare(http::Caller& caller, const RepositoryListing& listing,
                                  const std::string& tag) const {
    FL_TRY(const auto from, source_.source(listing.names->source, tag));
    FL_TRY(const auto to, destination_.destination(listing.names->destination, tag));
    auto ahead = from->ask_ahead(caller);
    FL_TRY(const auto found, to->resolve(caller, tag));
    FL_TRY(const oci::Descriptor wanted, from->resolve_asked(caller, std::move(ahead)));
    ReferenceResult result{.repository = listing.names,
                           .tag = tag,
                           .outcome = Outcome::kEqual,
                           .reason = Reason::kSameDigest,
                           .digest = wanted.digest};
    if (!found) {
      result.outcome = Outcome::kMissing;
      result.reason = Reason::kNew;
    } else if (found->digest != wanted.digest) {
      FL_TRY(const bool recompressed, is_made_from(caller, *to, tag, wanted.digest));
      if (!recompressed) {
        result.outcome = Outcome::kDifferent;
        result.reason = Reason::kChanged;
        result.error = "the destination names " + found->digest.to_string();
        return result;
      }
      result.reason = Reason::kRecompressed;
      result.digest = found->digest;
    }
    if (found && options_.deep) {
      FL_TRY(const auto copied, destination_.source(listing.names->destination, tag));
      FL_TRY(const oci::RawManifest root, copied->root(caller));
      FL_TRY(const auto missing, ClosureCheck(caller, *copied, *to).first_missing(root));
      if (missing) {
        result.outcome = Outcome::kIncomplete;
        result.reason = Reason::kMissingContent;
        result.error = "the destination has no " + *missing;
      }
    }
    return result;
  }

  /// True where a tag has an image that --recompress made from that digest.
  static Result<bool> is_made_from(http::Caller& caller, transport::ImageDestination& destination,
                                   const std::string& tag, const oci::Digest& digest) {
    FL_TRY(const auto manifest, destination.tagged(caller, tag));
    const auto mark = manifest ? copy::mark_of(*manifest) : std::nullopt;
    return mark && mark->source == digest;
  }

  void add_extra(const RepositoryListing& listing) {
    if (!listing.destination_tags) return;
    for (const std::string& tag : *listing.destination_tags) {
      if (listing.is_selected(tag) || !passes_by_name(options_.selection, tag)) continue;
      book_.add({.repository = listing.names, .tag = tag, .outcome = Outcome::kExtra, .reason = Reason::kExtra});
    }
  }

  Status add_abandoned(http::Caller& caller, const Discovery& discovery) {
    FL_TRY(const auto abandoned, find_abandoned(caller, destination_, options_.selection, discovery));
    for (const std::string& repository : abandoned) FL_CHECK(add_repository(caller, repository));
    return {};
  }

  Status add_repository(http::Caller& caller, const std::string& repository) {
    FL_TRY(const auto tags, destination_.tags(caller, repository));
    if (!tags) return {};
    RepositoryListing listing;
    listing.names = std::make_shared<const RepositoryPair>(RepositoryPair{{}, repository});
    listing.destination_tags.emplace();
    for (const transport::ListedTag& tag : *tags) listing.destination_tags->push_back(tag.name);
    add_extra(listing);
    return {};
  }

  const TreeServices& services_;
  const std::stop_token& stop_;
  ImageTree& source_;
  ImageTree& destination_;
  const CheckOptions& options_;
  ResultBook book_;
  std::size_t selected_ = 0;
};

}  // namespace

TreeReport TreeChecker::run(const std::stop_token& stop, ImageTree& source, ImageTree& destination,
                            const CheckOptions& options) const {
  TreeReport report;
  report.source = source.name().to_string();
  report.destination = destination.name().to_string();
  report.dry_run = true;
  report.started = services_.clock.wall_time();
  const TimePoint start = services_.clock.now();
  CheckRun check(services_, stop, source, destination, options);
  const Status done = check.execute();
  services_.workers.wait_idle();
  if (!done) report.error = done.error();
  check.book().close(report);
  report.duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
  return report;
}

}  // namespace freightliner::replicate
