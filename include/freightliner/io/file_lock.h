#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/io/file.h"

namespace freightliner::io {

/// How long whoever wants a lock waits for another holder. A holder of ours changes one small file, or renames one: the
/// limit is for many of them in a row on a slow disk.
struct LockPatience {
  Logger log = {};                            ///< is told once that somebody waits
  Duration notice = std::chrono::seconds(5);  ///< until it is told
  Duration limit = std::chrono::minutes(10);  ///< until the wait is given up; 0: one try
};

/// An advisory lock (flock(2)), exclusive, released on destruction and by the kernel when the holder dies. Who may open
/// a file for reading may lock it, so a lock keeps nobody out who means harm.
class FileLock {
 public:
  /// Locks a file, which is created where it is missing and stays. Waits until the lock is free, `stop` is asked for or
  /// the patience is over, polling every 50 ms. A lock that is free is taken even then. Errors: kIntegrity for a bad
  /// name or a symbolic link, kLocalIo, kCancelled, kLocked when the patience is over.
  static Result<FileLock> acquire(const Directory& directory, const std::string& name, const std::stop_token& stop,
                                  const LockPatience& patience = {});
  /// Locks the directory itself, which leaves no file behind; waits in the same way. nullopt where the file system
  /// knows no locks on directories (NFS). Errors: kLocalIo, kCancelled, kLocked.
  static Result<std::optional<FileLock>> acquire(const Directory& directory, const std::stop_token& stop,
                                                 const LockPatience& patience = {});
  /// Gives the lock up before the end. From any thread.
  Status release() const;

 private:
  explicit FileLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace freightliner::io
