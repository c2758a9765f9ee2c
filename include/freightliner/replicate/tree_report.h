#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/oci/digest.h"
#include "freightliner/replicate/name_filter.h"
#include "freightliner/replicate/repository_map.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/runtime/performance_sampler.h"

namespace freightliner::copy {
struct CopyReport;
}

namespace freightliner::replicate {

enum class Outcome {
  kCopied,  ///< the destination names the digest now
  kEqual,   ///< it did before
  kKept,    ///< --overwrite never met another digest
  kFailed,
  kDeleted,  ///< removed from the destination
  kPlanned,  ///< a dry run: would be copied
  kPlannedDelete,
  kMissing,     ///< a comparison: not at the destination
  kDifferent,   ///< a comparison: the destination names another digest
  kIncomplete,  ///< a deep comparison: the destination lacks some of its content
  kExtra,       ///< a comparison: only at the destination
};
/// "copied", "equal", "kept", "failed", "deleted", "planned", "planned-delete", "missing", "different", "incomplete",
/// "extra": stable, they stand in JSON output.
std::string_view to_string(Outcome outcome) noexcept;

/// Why it came out so, as a word that stays stable: "new", "changed", "same-digest", "immutable", "checkpoint",
/// "overwrite-never", "extra", "missing-content", "recompressed", "error".
enum class Reason {
  kNew,
  kChanged,
  kSameDigest,
  kImmutable,
  kCheckpoint,
  kOverwriteNever,
  kExtra,
  kMissingContent,
  kRecompressed,  ///< the destination has what --recompress makes of the source's digest
  kError,
};
std::string_view to_string(Reason reason) noexcept;

/// What became of one tag; an empty tag: of a repository as a whole (its listing failed).
struct ReferenceResult {
  std::shared_ptr<const RepositoryPair> repository;  ///< never null
  std::string tag;
  Outcome outcome = Outcome::kFailed;
  Reason reason = Reason::kError;
  std::optional<oci::Digest> digest = {};
  std::uint64_t bytes = 0;  ///< blob bytes that moved
  Duration duration{0};
  std::optional<ErrorCode> error_class = {};
  std::string error = {};
};

/// Counts of a run. Every tag of the (explicit or listed) source is counted once: tags = copied + equal + kept +
/// planned + skipped_by_filter + not_begun + the failed ones, in a comparison equal + missing + different +
/// skipped_by_filter + the failed ones; deletions and extra tags come on top.
struct TreeTotals {
  std::uint64_t repositories = 0;          ///< that were looked into
  std::uint64_t repositories_skipped = 0;  ///< left out by a filter
  std::uint64_t tags = 0;
  std::uint64_t copied = 0;
  std::uint64_t equal = 0;
  std::uint64_t kept = 0;
  std::uint64_t planned = 0;
  std::uint64_t skipped_by_filter = 0;
  std::uint64_t not_begun = 0;  ///< the run was cut short before their turn (--fail-fast, a signal)
  std::uint64_t failed = 0;     ///< tags, repositories and deletions that failed
  std::uint64_t deleted = 0;
  std::uint64_t missing = 0;
  std::uint64_t different = 0;  ///< also incomplete ones
  std::uint64_t extra = 0;
  std::uint64_t bytes_copied = 0;  ///< blob bytes
  std::uint64_t blobs_copied = 0;
  std::uint64_t blobs_mounted = 0;
  std::uint64_t blobs_present = 0;
  std::uint64_t retries = 0;

  /// Counts a result.
  void add(Outcome outcome) noexcept;
  /// Counts what became of the blobs of a copy.
  void add_blobs(const copy::CopyReport& report) noexcept;
};

/// What the filters of a run cost and did.
struct PatternUse {
  PatternCache::Statistics cache = {};
  DecisionCounts decisions = {};  ///< of repositories and tags
};

struct TreeReport {
  std::string source;
  std::string destination;
  std::chrono::system_clock::time_point started;
  Duration duration{0};
  bool dry_run = false;
  TreeTotals totals;
  std::vector<ReferenceResult> references;
  /// What stopped the run as a whole (no catalog, the lock, the delete limit, a signal): then references are what was
  /// done until then.
  std::optional<Error> error = {};
  int exit_code = 0;
  runtime::PerformanceRecord performance = {};
  std::optional<PatternUse> patterns = {};  ///< of a run that has filters
};

/// The report as one JSON document (docs/STATE_FORMAT.md, "Reports"), handed to `sink` piece by piece: the text of a
/// hundred thousand references is never in memory at once. All text in it is printable(). Errors: those of `sink`.
Status write_report(const TreeReport& report, const std::function<Status(std::string_view)>& sink);
/// Writes the document to a file that appears whole or not at all, in the place of one that is there. Errors: kLocalIo,
/// also for a path that names a device, a pipe or a directory.
Status save_report(const TreeReport& report, const std::filesystem::path& path, runtime::CleanupRegistry& cleanups);

/// A reference that a report says has failed.
struct FailedReference {
  RepositoryPair repository;
  std::string tag;  ///< empty: the whole repository
};
struct FailedReferences {
  std::string source;  ///< printable(), as the destination
  std::string destination;
  std::vector<FailedReference> references;
};
/// For --retry-failed-from; the report is read piece by piece, also from a pipe. Deletions that failed (the reason is
/// "extra") are passed over: the next run that deletes finds them again. Errors: kNotFound, kUsage for a file that is
/// no such report, kLocalIo.
Result<FailedReferences> read_failed_references(const std::filesystem::path& path);

}  // namespace freightliner::replicate
