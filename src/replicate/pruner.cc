#include "replicate/pruner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "freightliner/replicate/version.h"

namespace freightliner::replicate {
namespace {

// As deep as a copy follows indexes.
constexpr int kMaxDepth = 17;

std::vector<std::string> sorted_names(const std::vector<transport::ListedTag>& tags) {
  std::vector<std::string> names;
  for (const transport::ListedTag& tag : tags) names.push_back(tag.name);
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::uint64_t DeleteLimit::of(std::uint64_t tags) const noexcept {
  if (count) return *count;
  if (share == 0) return 0;
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(static_cast<double>(tags) * share)));
}

void Pruner::add(const RepositoryListing& listing, const TreeSelection& selection) {
  if (!listing.destination_tags) return;
  PruneCandidate candidate{listing.names, *listing.destination_tags, {}};
  tags_ += candidate.tags.size();
  for (const std::string& tag : candidate.tags) {
    if (!listing.is_selected(tag) && passes_by_name(selection, tag)) candidate.extra.push_back(tag);
  }
  if (!candidate.extra.empty()) candidates_.push_back(std::move(candidate));
}

Status Pruner::add_abandoned(http::Caller& caller, const std::string& repository, const TreeSelection& selection) {
  FL_TRY(const auto tags, destination_.tags(caller, repository));
  if (!tags) return {};
  RepositoryListing listing;
  listing.names = std::make_shared<const RepositoryPair>(RepositoryPair{{}, repository});
  listing.destination_tags = sorted_names(*tags);
  add(listing, selection);
  return {};
}

Status Pruner::run(http::Caller& caller, ResultBook& book) {
  for (PruneCandidate& candidate : candidates_) FL_CHECK(keep_signatures_of_kept_images(caller, candidate));
  // A dry run shows what would go before it says that it may not.
  if (!dry_run_) FL_CHECK(check_limit());
  for (const PruneCandidate& candidate : candidates_) {
    if (caller.stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    prune(caller, candidate, book);
  }
  return dry_run_ ? check_limit() : Status();
}

Status Pruner::keep_signatures_of_kept_images(http::Caller& caller, PruneCandidate& candidate) {
  if (std::ranges::none_of(candidate.extra, [](const std::string& tag) { return is_digest_tag(tag); })) return {};
  FL_TRY(const Reachable kept, reachable_from(caller, candidate));
  std::erase_if(candidate.extra, [&](const std::string& tag) {
    const auto text = digest_of_tag(tag);
    const auto digest = text ? oci::Digest::parse(*text) : oci::Digest::parse({});
    return digest && kept.contains(*digest);
  });
  // Images before their signatures: where an image can't go, its signatures are looked at with it still there.
  std::ranges::stable_partition(candidate.extra, [](const std::string& tag) { return !is_digest_tag(tag); });
  return {};
}

Status Pruner::check_limit() const {
  std::uint64_t extra = 0;
  for (const PruneCandidate& candidate : candidates_) extra += candidate.extra.size();
  const std::uint64_t allowed = limit_.of(tags_);
  if (extra <= allowed) return {};
  return fail(
      ErrorCode::kSafetyLimit,
      fmt::format("{} of the destination's {} tags are extra, and at most {} may be deleted (--max-deletes): nothing "
                  "was deleted; look at them with --dry-run",
                  extra, tags_, allowed));
}

void Pruner::prune(http::Caller& caller, const PruneCandidate& candidate, ResultBook& book) {
  Reachable stayed;  // what should have gone
  for (const std::string& tag : candidate.extra) {
    const TimePoint start = services_.clock.now();
    const auto text = digest_of_tag(tag);
    const auto image = text ? oci::Digest::parse(*text) : oci::Digest::parse({});
    if (image && stayed.contains(*image)) continue;
    ReferenceResult result{.repository = candidate.names,
                           .tag = tag,
                           .outcome = dry_run_ ? Outcome::kPlannedDelete : Outcome::kDeleted,
                           .reason = Reason::kExtra};
    if (!dry_run_) {
      const Status removed = remove(caller, candidate, tag);
      if (!removed) {
        result = failed_result(candidate.names, tag, removed.error());
        result.reason = Reason::kExtra;  // it was to be deleted, so a retry has nothing to copy
        // Where even that can't be read, its signatures may go: the failure is told in any case.
        static_cast<void>(reach_tag(caller, candidate, tag, stayed));
      }
    }
    result.duration = std::chrono::duration_cast<Duration>(services_.clock.now() - start);
    book.add(std::move(result));
  }
}

Status Pruner::remove(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag) {
  const std::string& repository = candidate.names->destination;
  if (can_untag_) {
    FL_TRY(can_untag_, destination_.remove_tag(caller, repository, tag));
    if (can_untag_) return {};
    services_.log.info("{} can't remove a tag alone: deleting by digest where nothing that stays needs it",
                       destination_.name().to_string());
  }
  return remove_by_digest(caller, candidate, tag);
}

Status Pruner::remove_by_digest(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag) {
  const std::string& repository = candidate.names->destination;
  FL_TRY(const auto image, destination_.destination(repository, tag));
  FL_TRY(const auto current, image->resolve(caller, tag));
  if (!current) return {};  // gone with another tag of the same digest
  const auto known = reachable_.find(repository);
  if (known == reachable_.end()) {
    FL_TRY(Reachable reached, reachable_from(caller, candidate));
    reachable_[repository] = std::move(reached);
  }
  if (reachable_[repository].contains(current->digest)) {
    return fail(ErrorCode::kDenied,
                fmt::format("can't untag here: the registry deletes by digest only, and tags that stay "
                            "need {}",
                            current->digest.to_string()));
  }
  return destination_.remove_manifest(caller, repository, current->digest);
}

Result<Pruner::Reachable> Pruner::reachable_from(http::Caller& caller, const PruneCandidate& candidate) {
  const std::set<std::string_view> extra(candidate.extra.begin(), candidate.extra.end());
  Reachable reached;
  for (const std::string& tag : candidate.tags) {
    if (!extra.contains(tag)) FL_CHECK(reach_tag(caller, candidate, tag, reached));
  }
  return reached;
}

Status Pruner::reach_tag(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag,
                         Reachable& reached) {
  FL_TRY(const auto image, destination_.source(candidate.names->destination, tag));
  FL_TRY(const oci::RawManifest root, image->root(caller));
  return reach(caller, *image, root, 1, reached);
}

Status Pruner::reach(http::Caller& caller, transport::ImageSource& repository, const oci::RawManifest& manifest,
                     int depth, Reachable& reached) {
  if (!reached.insert(manifest.digest()).second || depth > kMaxDepth) return {};
  FL_TRY(const oci::ManifestContent content, oci::parse_manifest(manifest));
  if (const auto subject = oci::subject_of(content)) reached.insert(subject->digest);
  for (const oci::Descriptor& child : oci::children_of(content)) {
    auto below = repository.manifest(caller, child);
    if (!below && below.error().code() == ErrorCode::kNotFound) {
      reached.insert(child.digest);  // a sparse index: what it names is needed all the same
      continue;
    }
    if (!below) return fail(std::move(below).error());
    FL_CHECK(reach(caller, repository, *below, depth + 1, reached));
  }
  return {};
}

}  // namespace freightliner::replicate
