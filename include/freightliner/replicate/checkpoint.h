#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/oci/digest.h"
#include "freightliner/registry/upload_journal.h"
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

/// One upload that was under way when the journal's writer ended. Its Location is not part of it: that is a secret.
struct CheckpointUpload {
  std::string repository;  ///< at the destination
  oci::Digest digest;
  std::uint64_t size = 0;    ///< of the blob
  std::uint64_t offset = 0;  ///< bytes that the registry has confirmed
  std::chrono::system_clock::time_point noted;
};

/// An append-only journal of finished tags and of open uploads (docs/STATE_FORMAT.md), so that a run that follows a
/// killed one skips what was done and goes on with what was begun. It is never needed for correctness. Every line has a
/// check sum; a last line that broke off with its writer is dropped, anything else that does not fit is refused. Held
/// under flock(2) while open; readable by its owner alone, because Locations of uploads are secrets. Safe from any
/// thread.
class Checkpoint final : public registry::UploadJournal {
 public:
  /// Opens or creates. Tags older than `ttl` count as not there, and so do uploads after seven days, when registries
  /// have dropped them. Such lines, and those that later ones replace, are dropped from the file (rewritten atomically)
  /// where they make up more than half of it. A file that other users can read is written anew as a private one; where
  /// they could have written to it, without its tags and uploads, which is logged. Errors: kUsage for a journal of
  /// another binding (naming what differs and `freightliner checkpoint clear`), kIntegrity for a damaged one (with the
  /// line), kLocked where another run has it open, kLocalIo. The registry outlives the checkpoint.
  static Result<std::unique_ptr<Checkpoint>> open(runtime::CleanupRegistry& cleanups, const std::filesystem::path& path,
                                                  const CheckpointBinding& binding, Duration ttl, Clock& clock,
                                                  Logger log = {});
  ~Checkpoint() override;

  /// The digest that a tag was finished with, within the time to live.
  std::optional<oci::Digest> finished(const std::string& repository, const std::string& tag) const;
  /// Appends one line with one write(2); it is made durable (fdatasync) once a second at most, and by the destructor:
  /// the loss of a line costs two requests. Errors: kLocalIo.
  Status record(const std::string& repository, const std::string& tag, const oci::Digest& digest);

  // Uploads, written as tags are: the loss of a line costs an upload from its start.
  std::optional<registry::SavedUpload> take(const std::string& repository, const oci::Descriptor& blob) override;
  Status note(const std::string& repository, const oci::Descriptor& blob, const registry::SavedUpload& upload) override;
  Status ended(const std::string& repository, const oci::Digest& digest) override;

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
  std::vector<CheckpointEntry> entries = {};   ///< the newest of each tag, in the order of the file
  std::vector<CheckpointUpload> uploads = {};  ///< that have not ended, by repository and digest
  bool torn = false;                           ///< the last line broke off
};
/// Errors: kNotFound, kIntegrity, kLocalIo.
Result<CheckpointContents> read_checkpoint(const std::filesystem::path& path);
/// Removes a journal, if that is what the file is. Errors: kNotFound, kIntegrity for a file that is no journal,
/// kLocked, kLocalIo.
Status clear_checkpoint(const std::filesystem::path& path);

}  // namespace freightliner::replicate
