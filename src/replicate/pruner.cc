#include "replicate/pruner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <set>

#include "freightliner/replicate/copy_record.h"
#include "freightliner/replicate/version.h"

namespace freightliner::replicate {
namespace {

std::vector<std::string> sorted_names(const std::vector<transport::ListedTag>& tags) {
  std::vector<std::string> names;
  for (const transport::ListedTag& tag : tags) names.push_back(tag.name);
  std::ranges::sort(names);
  return names;
}

/// Adds what a tag needs where it is there.
Status add_if_there(http::Caller& caller, Reachable& reachable, const std::string& tag) {
  const Status added = reachable.add_tag(caller, tag);
  return !added && added.error().code() == ErrorCode::kNotFound ? Status() : added;
}

/// The image that a tag is a signature of, by its name.
std::optional<oci::Digest> image_of(const std::string& tag) {
  const auto text = digest_of_tag(tag);
  if (!text) return std::nullopt;
  const auto digest = oci::Digest::parse(*text);
  return digest ? std::optional(*digest) : std::nullopt;
}

/// Takes out of `tags`, and returns, the signatures of what is reachable; what they lead to becomes reachable with
/// them, so that signatures of signatures are found.
Result<std::vector<std::string>> take_signatures(http::Caller& caller, Reachable& reachable,
                                                 std::vector<std::string>& tags) {
  std::vector<std::string> taken;
  for (bool more = true; more;) {
    // Not of std::ranges, whose subranges clang 14 can't compile with this libstdc++.
    const auto others = std::stable_partition(tags.begin(), tags.end(), [&](const std::string& tag) {
      const auto image = image_of(tag);
      return !image || !reachable.contains(*image);
    });
    more = others != tags.end();
    for (auto tag = others; tag != tags.end(); ++tag) {
      FL_CHECK(reachable.add_tag(caller, *tag));
      taken.push_back(*tag);
    }
    tags.erase(others, tags.end());
  }
  return taken;
}

}  // namespace

std::uint64_t DeleteLimit::of(std::uint64_t tags) const noexcept {
  if (count) return *count;
  if (share == 0) return 0;
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::floor(static_cast<double>(tags) * share)));
}

void Pruner::add(const RepositoryListing& listing) {
  if (!listing.destination_tags) return;
  const std::vector<std::string>& tags = *listing.destination_tags;
  tags_ += tags.size();
  PruneCandidate candidate;
  candidate.names = listing.names;
  for (const std::string& tag : tags) {
    if (listing.is_selected(tag)) continue;
    if (passes_by_name(options_.selection, tag)) {
      candidate.extra.push_back(tag);
    } else if (options_.copy.referrers && is_digest_tag(tag)) {
      candidate.followers.push_back(tag);
    }
  }
  if (candidate.extra.empty()) return;
  std::ranges::set_union(tags, listing.selected, std::back_inserter(candidate.known));
  candidates_.push_back(std::move(candidate));
}

Status Pruner::add_abandoned(http::Caller& caller, const std::string& repository) {
  FL_TRY(const auto tags, destination_.tags(caller, repository));
  if (!tags) return {};
  RepositoryListing listing;
  listing.names = std::make_shared<const RepositoryPair>(RepositoryPair{{}, repository});
  listing.destination_tags = sorted_names(*tags);
  add(listing);
  return {};
}

Status Pruner::run(http::Caller& caller, ResultBook& book) {
  for (PruneCandidate& candidate : candidates_) FL_CHECK(settle_signatures(caller, candidate));
  const bool dry_run = options_.copy.dry_run;
  // A dry run shows what would go before it says that it may not.
  if (!dry_run) FL_CHECK(check_limit());
  for (const PruneCandidate& candidate : candidates_) {
    if (caller.stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    prune(caller, candidate, book);
  }
  return dry_run ? check_limit() : Status();
}

Status Pruner::settle_signatures(http::Caller& caller, PruneCandidate& candidate) {
  std::vector<std::string>& extra = candidate.extra;
  std::vector<std::string>& followers = candidate.followers;
  if (followers.empty() && std::ranges::none_of(extra, is_digest_tag)) return {};
  FL_TRY(Reachable kept, reachable_without(caller, candidate, extra, followers));
  FL_CHECK(take_signatures(caller, kept, extra));
  FL_CHECK(take_signatures(caller, kept, followers));
  if (!followers.empty()) {
    Reachable gone(destination_, candidate.names->destination);
    for (const std::string& tag : extra) FL_CHECK(add_if_there(caller, gone, tag));
    FL_TRY(const std::vector<std::string> followed, take_signatures(caller, gone, followers));
    extra.insert(extra.end(), followed.begin(), followed.end());
  }
  // Images before their signatures: where an image can't go, its signatures are looked at with it still there.
  std::stable_partition(extra.begin(), extra.end(), [](const std::string& tag) { return !is_digest_tag(tag); });
  return {};
}

Status Pruner::check_limit() const {
  std::uint64_t extra = 0;
  for (const PruneCandidate& candidate : candidates_) extra += candidate.extra.size();
  const std::uint64_t allowed = options_.max_deletes.of(tags_);
  if (extra <= allowed) return {};
  return fail(
      ErrorCode::kSafetyLimit,
      fmt::format("{} of the destination's {} tags are extra, and at most {} may be deleted (--max-deletes): nothing "
                  "was deleted; look at them with --dry-run",
                  extra, tags_, allowed));
}

void Pruner::prune(http::Caller& caller, const PruneCandidate& candidate, ResultBook& book) {
  const bool dry_run = options_.copy.dry_run;
  Reachable stayed(destination_, candidate.names->destination);  // what should have gone
  for (const std::string& tag : candidate.extra) {
    const TimePoint start = services_.clock.now();
    const auto image = image_of(tag);
    if (image && stayed.contains(*image)) continue;
    ReferenceResult result{.repository = candidate.names,
                           .tag = tag,
                           .outcome = dry_run ? Outcome::kPlannedDelete : Outcome::kDeleted,
                           .reason = Reason::kExtra};
    if (!dry_run) {
      const Status removed = remove(caller, candidate, tag);
      if (!removed) {
        result = failed_result(candidate.names, tag, removed.error());
        result.reason = Reason::kExtra;  // it was to be deleted, so a retry has nothing to copy
        // Where even that can't be read, its signatures may go: the failure is told in any case.
        static_cast<void>(stayed.add_tag(caller, tag));
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
  auto needed = needed_.find(repository);
  if (needed == needed_.end()) {
    FL_TRY(Reachable reached, reachable_without(caller, candidate, candidate.extra, {}));
    needed = needed_.emplace(repository, std::move(reached)).first;
  }
  if (needed->second.contains(current->digest)) {
    return fail(ErrorCode::kDenied,
                fmt::format("can't untag here: the registry deletes by digest only, and tags that stay "
                            "need {}",
                            current->digest.to_string()));
  }
  return destination_.remove_manifest(caller, repository, current->digest);
}

Result<Reachable> Pruner::reachable_without(http::Caller& caller, const PruneCandidate& candidate,
                                            const std::vector<std::string>& extra,
                                            const std::vector<std::string>& followers) {
  const std::string& repository = candidate.names->destination;
  std::set<std::string_view> left_out(extra.begin(), extra.end());
  left_out.insert(followers.begin(), followers.end());
  FL_TRY(const auto listed, destination_.tags(caller, repository));
  if (!listed) {
    return fail(ErrorCode::kNotFound, fmt::format("the destination does not list the tags of {} any more", repository));
  }
  const std::vector<std::string> now = sorted_names(*listed);
  Reachable reached(destination_, repository);
  for (const std::string& tag : now) {
    if (!left_out.contains(tag)) FL_CHECK(reached.add_tag(caller, tag));
  }
  // A list may lag behind what was written.
  for (const std::string& tag : candidate.known) {
    if (left_out.contains(tag) || std::ranges::binary_search(now, tag)) continue;
    FL_CHECK(add_if_there(caller, reached, tag));
  }
  return reached;
}

}  // namespace freightliner::replicate
