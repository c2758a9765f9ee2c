#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "freightliner/replicate/tree_replicator.h"

namespace freightliner::replicate {

/// What the two lists of tags of a repository have told, and which tags are selected.
struct RepositoryListing {
  std::shared_ptr<const RepositoryPair> names;
  std::uint64_t tags = 0;  ///< that the source lists
  /// The source's catalog has the repository, and its tags are answered as not there. Many registries answer so for
  /// what the user may not see: nobody knows what it has.
  bool hidden = false;
  std::uint64_t filtered = 0;         ///< of those, left out by a filter
  std::vector<std::string> selected;  ///< sorted
  /// Tags that could not be judged (their config could not be read), with the reason.
  std::vector<std::pair<std::string, Error>> unjudged;
  /// Sorted; nullopt where the destination does not let us list.
  std::optional<std::vector<std::string>> destination_tags;
  /// For all copies into it.
  std::shared_ptr<copy::RepositoryRefusal> refusal = std::make_shared<copy::RepositoryRefusal>();

  bool is_selected(const std::string& tag) const;
  bool destination_has(const std::string& tag) const;
  /// What the list of the destination's tags says of one.
  copy::DestinationKnowledge knowledge_of(const std::string& tag) const;
};

/// Where a listing comes from.
struct ListingPlaces {
  transport::ImageTree& source;
  transport::ImageTree& destination;
  const TreeSelection& selection;
  bool must_exist = false;  ///< a repository that the source does not have is an error, not an empty one
};

/// True where the filters that look at nothing but a tag's name let it through.
bool passes_by_name(const TreeSelection& selection, const std::string& tag);

/// Lists both sides of one repository, at the same time where a worker is free, and selects. Errors: those of the
/// source's list; those of the destination's, but kDenied, after which its tags are asked for one by one.
Result<RepositoryListing> list_repository(http::Caller& caller, const TreeServices& services,
                                          const ListingPlaces& places, std::shared_ptr<const RepositoryPair> names);

}  // namespace freightliner::replicate
