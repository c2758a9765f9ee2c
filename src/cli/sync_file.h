#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/config_file.h"
#include "freightliner/cli/app.h"

namespace freightliner::cli {

/// One job of a sync file.
struct SyncJob {
  std::string name;
  std::string source;
  std::string destination;
  /// Its options: its own, and the defaults that it does not set.
  std::vector<ConfigEntry> entries;
};

/// A sync file (docs/CONFIG.md): `version`, `defaults` (options of all jobs, and those of the run as a whole) and
/// `jobs`, each with `name`, `source`, `destination` and options by the names of their flags.
struct SyncFile {
  std::string path;
  std::vector<ConfigEntry> defaults;
  std::vector<SyncJob> jobs;
};

/// Everything in it is checked. `${NAME}` in a value is the environment variable of that name, which must be set ("$$"
/// is a dollar sign); a password must be such a reference, whole. Errors: kUsage, with file and line.
Result<SyncFile> parse_sync_file(const std::string& text, const std::string& path,
                                 const EnvironmentLookup& environment);

}  // namespace freightliner::cli
