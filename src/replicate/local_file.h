#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "freightliner/io/file.h"
#include "freightliner/runtime/cleanup_registry.h"

namespace freightliner::replicate {

using io::LocalName;
using io::locate;

/// An attempt to take flock(2), exclusively, on a file.
struct LockAttempt {
  io::UniqueFd file;  ///< open for reading and writing, whether or not it is locked
  bool held = false;  ///< the lock is ours, until the last duplicate of `file` is closed
};
/// Opens a regular file without following a link and tries for its lock, without waiting. A lock that is held is one on
/// the file that has the name now: not on one that was replaced or removed meanwhile. Without `create` (the mode of a
/// new file) the file must exist. The descriptor does not pass to programs that are run. Errors: kNotFound (without
/// `create`), kIntegrity for a link or what is no regular file, kLocalIo.
Result<LockAttempt> try_lock(const LocalName& file, std::optional<mode_t> create);

/// For clean-up: gives up the lock on `file`. The descriptor outlives the registration, whoever holds it.
runtime::CleanupRegistry::Registration register_lock(runtime::CleanupRegistry& cleanups, const LocalName& place,
                                                     const io::UniqueFd& file);

}  // namespace freightliner::replicate
