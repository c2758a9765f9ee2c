#include "replicate/reference_copy.h"

#include "freightliner/replicate/copy_record.h"
#include "freightliner/replicate/version.h"

namespace freightliner::replicate {
namespace {

using copy::CopyReport;

// A signature's tag and its contents name a digest that the destination will not have.
Status check_digest_tag(const copy::CopyOptions& options, const std::string& tag) {
  if (!options.recompress || options.allow_digest_change || !is_digest_tag(tag)) return {};
  return fail(ErrorCode::kUsage,
              "this tag stands for a digest, and --recompress changes digests: leave such tags out with "
              "--skip-digest-tags, or add --allow-digest-change to copy them as they are");
}

Result<CopyReport> copy_one(http::Caller& caller, const TreeServices& services, const CopyPlaces& places,
                            const RepositoryListing& listing, const std::string& tag) {
  FL_CHECK(check_digest_tag(places.options.copy, tag));
  FL_TRY(const auto source, places.source.source(listing.names->source, tag));
  FL_TRY(const auto destination, places.destination.destination(listing.names->destination, tag));
  copy::CopyOptions options = places.options.copy;
  options.known = listing.knowledge_of(tag);
  options.refusal = listing.refusal.get();
  auto report = services.copier.copy(caller, *source, *destination, options);
  if (!report) listing.refusal->note(report.error());
  return report;
}

}  // namespace

std::optional<ReferenceResult> settle_without_request(const TreeServices& services, const TreeOptions& options,
                                                      const RepositoryListing& listing, const std::string& tag) {
  if (options.copy.overwrite == copy::Overwrite::kAlways) return std::nullopt;
  // A tag that the destination's list lacks is gone, whatever the journal says.
  const bool may_be_there = !listing.destination_tags || listing.destination_has(tag);
  if (services.checkpoint != nullptr && may_be_there) {
    if (const auto digest = services.checkpoint->finished(listing.names->source, tag)) {
      return ReferenceResult{.repository = listing.names,
                             .tag = tag,
                             .outcome = Outcome::kEqual,
                             .reason = Reason::kCheckpoint,
                             .digest = digest};
    }
  }
  if (!listing.destination_has(tag) || options.immutable_tags.find(tag) == nullptr) return std::nullopt;
  return ReferenceResult{
      .repository = listing.names, .tag = tag, .outcome = Outcome::kEqual, .reason = Reason::kImmutable};
}

void copy_reference(http::Caller& caller, const TreeServices& services, const CopyPlaces& places,
                    const RepositoryListing& listing, const std::string& tag, ResultBook& book) {
  const TimePoint start = services.clock.now();
  const Result<CopyReport> report = copy_one(caller, services, places, listing, tag);
  if (!report) {
    ReferenceResult failed = failed_result(listing.names, tag, report.error());
    failed.duration = std::chrono::duration_cast<Duration>(services.clock.now() - start);
    book.add(std::move(failed));
    return;
  }
  book.add_blobs(*report);
  ReferenceResult result = copied_result(
      listing.names, tag, *report,
      {.recompresses = places.options.copy.recompress.has_value(), .was_there = listing.destination_has(tag)});
  result.duration = std::chrono::duration_cast<Duration>(services.clock.now() - start);
  book.add(std::move(result));
}

}  // namespace freightliner::replicate
