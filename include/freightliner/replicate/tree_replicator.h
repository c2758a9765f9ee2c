#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "freightliner/copy/copier.h"
#include "freightliner/replicate/checkpoint.h"
#include "freightliner/replicate/name_filter.h"
#include "freightliner/replicate/repository_map.h"
#include "freightliner/replicate/tree_report.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::replicate {

enum class LatestBy { kVersion, kCreated };

/// Which repositories and tags of a source a run is about.
struct TreeSelection {
  /// Explicit repositories (whole names); empty: what the catalog lists.
  std::vector<std::string> repositories;
  NameFilter repository_filter;
  NameFilter tag_filter;
  bool skip_digest_tags = false;
  /// The newest so many of each repository.
  std::optional<std::size_t> latest = {};
  LatestBy latest_by = LatestBy::kVersion;
  std::optional<std::chrono::system_clock::time_point> newer_than = {};
  RepositoryMap map;
};

/// How many tags a run may delete.
struct DeleteLimit {
  std::optional<std::uint64_t> count = {};
  double share = 0.1;  ///< of the destination's tags, at least 1; where there is no count

  std::uint64_t of(std::uint64_t tags) const noexcept;
};

struct TreeOptions {
  TreeSelection selection;
  /// Tags that never move: not asked for where both sides list them.
  PatternList immutable_tags;
  copy::CopyOptions copy = {};
  bool delete_extra = false;
  DeleteLimit max_deletes = {};
  bool fail_on_empty = false;
  bool fail_fast = false;
  /// Only these references, nothing is listed at the source.
  std::optional<std::vector<FailedReference>> only = {};
};

/// What a replicator works with; all of it outlives the run.
struct TreeServices {
  const copy::Copier& copier;
  runtime::WorkerPool& workers;
  copy::WorkerSessions& sessions;  ///< of the workers
  io::BufferPool& buffers;
  Clock& clock;
  runtime::Progress& progress;
  Logger log;
  Checkpoint* checkpoint;  ///< nullptr: none
};

/// Replicates many images: finds the repositories, lists the tags of both sides, copies what differs over the workers,
/// deletes what is extra. One reference that fails never stops the others. Confined to the calling thread, which feeds
/// the workers; it must not be one of them.
class TreeReplicator {
 public:
  explicit TreeReplicator(TreeServices services) : services_(std::move(services)) {}

  /// Never fails as such: what stopped the run stands in the report, with all that was done until then.
  TreeReport run(const std::stop_token& stop, transport::ImageTree& source, transport::ImageTree& destination,
                 const TreeOptions& options) const;

 private:
  TreeServices services_;
};

struct CheckOptions {
  TreeSelection selection;
  bool fail_on_empty = false;
  /// Verifies that every manifest and blob below each tag is at the destination.
  bool deep = false;
};

/// Compares two trees without writing: which of the selected tags are equal, missing at the destination or different,
/// and which are extra there. Threads as TreeReplicator.
class TreeChecker {
 public:
  explicit TreeChecker(TreeServices services) : services_(std::move(services)) {}

  TreeReport run(const std::stop_token& stop, transport::ImageTree& source, transport::ImageTree& destination,
                 const CheckOptions& options) const;

 private:
  TreeServices services_;
};

}  // namespace freightliner::replicate
