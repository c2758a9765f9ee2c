#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "freightliner/base/clock.h"
#include "freightliner/io/file.h"
#include "freightliner/runtime/cleanup_registry.h"

namespace freightliner::replicate {

/// Keeps a second run on the same job away (flock(2) on a file that holds the holder's process id). Released on
/// destruction and by the kernel when the holder dies; the file stays. Move-only. The registry outlives it.
class RunLock {
 public:
  /// Waits up to `wait` (0: not at all) for another run to end, looking every 100 ms. A lock that is free is taken even
  /// where `stop` is asked for. Errors: kLocked, naming the file and the holder's process id; kCancelled when `stop` is
  /// asked for; kIntegrity for a link or a file that is not ours; kUsage for one that holds anything but a process id,
  /// which is left as it is; kLocalIo.
  static Result<RunLock> acquire(runtime::CleanupRegistry& cleanups, const std::filesystem::path& path, Duration wait,
                                 Clock& clock, const std::stop_token& stop);

 private:
  RunLock(io::UniqueFd file, runtime::CleanupRegistry::Registration release)
      : file_(std::move(file)), release_(std::move(release)) {}
  io::UniqueFd file_;
  runtime::CleanupRegistry::Registration release_;
};

/// Where the lock of a job is unless the user says so: "/tmp/freightliner-<uid>/<hash of source and destination>.lock",
/// the same whether a shell, cron or a service starts the run: $XDG_RUNTIME_DIR is set in some of these only, and runs
/// with different locks would not keep each other away. Creates the directory, which must be one of this user's that
/// nobody else may write to; `temporary` stands in for "/tmp" in tests. Errors: kLocalIo, kIntegrity, both saying that
/// --lock names another place.
Result<std::filesystem::path> default_lock_path(const std::string& source, const std::string& destination,
                                                const std::filesystem::path& temporary = "/tmp");

}  // namespace freightliner::replicate
