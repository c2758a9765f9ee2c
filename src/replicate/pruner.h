#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replicate/result_book.h"

namespace freightliner::replicate {

/// The tags of one destination repository, and which of them are extra.
struct PruneCandidate {
  std::shared_ptr<const RepositoryPair> names;  ///< an empty source: the source has no such repository any more
  std::vector<std::string> tags;                ///< all, sorted
  std::vector<std::string> extra;               ///< sorted
};

/// Removes extra tags. First everything is worked out, then the limit is checked, then it deletes: by tag where the
/// registry can do that, else by digest, if nothing that stays needs the digest. Signatures (tags that stand for a
/// digest) stay as long as their image does. Confined to one thread.
class Pruner {
 public:
  Pruner(const TreeServices& services, transport::ImageTree& destination, const DeleteLimit& limit, bool dry_run)
      : services_(services), destination_(destination), limit_(limit), dry_run_(dry_run) {}

  /// Works out what is extra in a repository; the tags that are `selected` at the source stay, and those that the name
  /// filters leave out are none of this run's business.
  void add(const RepositoryListing& listing, const TreeSelection& selection);
  /// A repository that the source does not have any more.
  Status add_abandoned(http::Caller& caller, const std::string& repository, const TreeSelection& selection);

  /// Errors: kSafetyLimit where more would go than may; those of reading what stays. Then nothing was deleted. What
  /// can't be deleted stands in the book as failed.
  Status run(http::Caller& caller, ResultBook& book);

 private:
  /// The digests that the tags which stay reach: themselves, the children of indexes at any depth, subjects.
  using Reachable = std::set<oci::Digest>;

  Status keep_signatures_of_kept_images(http::Caller& caller, PruneCandidate& candidate);
  Status check_limit() const;
  void prune(http::Caller& caller, const PruneCandidate& candidate, ResultBook& book);
  Status remove(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag);
  Status remove_by_digest(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag);
  Result<Reachable> reachable_from(http::Caller& caller, const PruneCandidate& candidate);
  Status reach_tag(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag, Reachable& reached);
  Status reach(http::Caller& caller, transport::ImageSource& repository, const oci::RawManifest& manifest, int depth,
               Reachable& reached);

  const TreeServices& services_;
  transport::ImageTree& destination_;
  const DeleteLimit& limit_;
  bool dry_run_;
  std::vector<PruneCandidate> candidates_;
  std::uint64_t tags_ = 0;                      // that the destination has, in all repositories
  bool can_untag_ = true;                       // until the destination has said no
  std::map<std::string, Reachable> reachable_;  // by repository
};

}  // namespace freightliner::replicate
