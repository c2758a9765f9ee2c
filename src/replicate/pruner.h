#pragma once

#include <map>
#include <string>
#include <vector>

#include "replicate/reachable.h"
#include "replicate/result_book.h"

namespace freightliner::replicate {

/// The tags of one destination repository that are extra.
struct PruneCandidate {
  std::shared_ptr<const RepositoryPair> names;  ///< an empty source: the source has no such repository any more
  std::vector<std::string> extra;               ///< sorted
  /// Signatures that the name filters leave out, and that came along with their images all the same (--referrers).
  std::vector<std::string> followers;
  /// What it had before the copies, and what was selected to be copied; sorted.
  std::vector<std::string> known;
};

/// Removes extra tags. First everything is worked out, then the limit is checked, then it deletes: by tag where the
/// registry can do that, else by digest, if nothing that stays needs the digest. What stays is what the destination has
/// when all copies are done: what they brought, and what others have pushed meanwhile. Signatures (tags that stand for
/// a digest) stay as long as their image does. Confined to one thread.
class Pruner {
 public:
  Pruner(const TreeServices& services, transport::ImageTree& destination, const TreeOptions& options)
      : services_(services), destination_(destination), options_(options) {}

  /// Works out what is extra in a repository; the tags that are `selected` at the source stay, and those that the name
  /// filters leave out are none of this run's business.
  void add(const RepositoryListing& listing);
  /// A repository that the source does not have any more.
  Status add_abandoned(http::Caller& caller, const std::string& repository);

  /// Errors: kSafetyLimit where more would go than may; those of reading what stays. Then nothing was deleted. What
  /// can't be deleted stands in the book as failed.
  Status run(http::Caller& caller, ResultBook& book);

 private:
  Status settle_signatures(http::Caller& caller, PruneCandidate& candidate);
  Status check_limit() const;
  void prune(http::Caller& caller, const PruneCandidate& candidate, ResultBook& book);
  Status remove(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag);
  Status remove_by_digest(http::Caller& caller, const PruneCandidate& candidate, const std::string& tag);
  /// What the tags that a repository has now need, but for those in two lists. Errors: those of reading any of it.
  Result<Reachable> reachable_without(http::Caller& caller, const PruneCandidate& candidate,
                                      const std::vector<std::string>& extra, const std::vector<std::string>& followers);

  const TreeServices& services_;
  transport::ImageTree& destination_;
  const TreeOptions& options_;
  std::vector<PruneCandidate> candidates_;
  std::uint64_t tags_ = 0;                   // that the destination has, in all repositories
  bool can_untag_ = true;                    // until the destination has said no
  std::map<std::string, Reachable> needed_;  // by repository: what the tags that stay need
};

}  // namespace freightliner::replicate
