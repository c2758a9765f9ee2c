#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/oci/digest.h"
#include "freightliner/runtime/cleanup_registry.h"

namespace freightliner::replicate {

/// What a checkpoint belongs to: a run with another binding must not use it.
struct CheckpointBinding {
  std::string source;  ///< TreeName::to_string()
  std::string destination;
  std::string selection;  ///< filters, platforms, mapping … in a canonical text; stored as its SHA-256

  bool operator==(const CheckpointBinding&) const = default;
};

/// One tag that was finished: the destination named `digest` then.
struct CheckpointEntry {
  std::string repository;  ///< at the source
  std::string tag;
  oci::Digest digest;
  std::chrono::system_clock::time_point finished;
};

/// An append-only journal of finished tags (docs/STATE_FORMAT.md), so that a run that follows a killed one skips what
/// was done. It is never needed for correctness. Every line has a check sum; a last line that broke off with its writer
/// is dropped, anything else that does not fit is refused. Held under flock(2) while open. Safe from any thread.
class Checkpoint {
 public:
  /// Opens or creates. Entries older than `ttl` count as not there, and are dropped from the file (rewritten
  /// atomically) where they make up more than half of it. Errors: kUsage for a journal of another binding (naming what
  /// differs and `freightliner checkpoint clear`), kIntegrity for a damaged one (with the line), kLocked where another
  /// run has it open, kLocalIo.
  /// The registry outlives the checkpoint.
  static Result<std::unique_ptr<Checkpoint>> open(runtime::CleanupRegistry& cleanups, const std::filesystem::path& path,
                                                  const CheckpointBinding& binding, Duration ttl, Clock& clock);
  ~Checkpoint();

  /// The digest that a tag was finished with, within the time to live.
  std::optional<oci::Digest> finished(const std::string& repository, const std::string& tag) const;
  /// Appends one line with one write(2); it is made durable (fdatasync) once a second at most, and by the destructor:
  /// the loss of a line costs two requests. Errors: kLocalIo.
  Status record(const std::string& repository, const std::string& tag, const oci::Digest& digest);

 private:
  class Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A journal as it stands, for `freightliner checkpoint show`.
struct CheckpointContents {
  std::string source;
  std::string destination;
  std::string selection_digest;
  std::chrono::system_clock::time_point created;
  std::vector<CheckpointEntry> entries = {};  ///< the newest of each tag, in the order of the file
  bool torn = false;                          ///< the last line broke off
};
/// Errors: kNotFound, kIntegrity, kLocalIo.
Result<CheckpointContents> read_checkpoint(const std::filesystem::path& path);
/// Removes a journal, if that is what the file is. Errors: kNotFound, kIntegrity for a file that is no journal,
/// kLocked, kLocalIo.
Status clear_checkpoint(const std::filesystem::path& path);

}  // namespace freightliner::replicate
