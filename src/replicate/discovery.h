#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "freightliner/replicate/tree_replicator.h"

namespace freightliner::replicate {

/// Both sides of a run.
struct TreePair {
  transport::ImageTree& source;
  transport::ImageTree& destination;
};

/// The repositories of the destination that are the source's own, where both lie in one registry or directory: whatever
/// is copied over them, nothing of them is extra.
struct SourceOverlap {
  std::optional<std::string> prefix;   ///< the source lies there in the destination: all below it
  std::set<std::string> repositories;  ///< of the run, where the destination lies in the source

  bool holds(const std::string& repository) const;
};

/// The repositories of a run.
struct Discovery {
  std::vector<std::shared_ptr<const RepositoryPair>> repositories;
  std::uint64_t skipped = 0;  ///< by the repository filter
  bool explicitly = false;    ///< named by the user, not by a catalog: then one that is missing is an error
  SourceOverlap overlap;
};

/// Finds the source's repositories (the user's list, else the catalog, else the prefix itself), filters them and maps
/// their names. A destination below the source's prefix in the same registry is no part of the source: else every run
/// would copy the copies of the one before. Errors: kNotFound where there is no catalog to read and no prefix, with the
/// way out; kUsage for names that are not below the prefix and for mappings that collide; those of the catalog.
Result<Discovery> discover(const TreeServices& services, http::Caller& caller, const TreePair& trees,
                           const TreeSelection& selection);

/// Where deletions are wanted: repositories of the destination that would have come from a source repository which
/// passes the filter but is not there any more; none of the source's own. Empty where that can't be told (explicit
/// lists, renamed repositories, no catalog).
Result<std::vector<std::string>> find_abandoned(http::Caller& caller, transport::ImageTree& destination,
                                                const TreeSelection& selection, const Discovery& discovery);

}  // namespace freightliner::replicate
