#pragma once

#include <string>
#include <vector>

#include "cli/sync_file.h"
#include "cli/tree_request.h"

namespace freightliner::cli {

/// A job that is ready to run.
struct PlannedJob {
  std::string name;
  TreeRequest request;
};

/// What a sync needs to know, all of it checked.
struct SyncPlan {
  Settings settings;  ///< of the run as a whole
  Duration timeout{0};
  std::vector<PlannedJob> jobs;
};

/// Reads a sync file and makes the requests of its jobs, or of those that --only names. A flag beats the file, for
/// every job. Errors: kUsage, naming the job; those of the files that a job names.
Result<SyncPlan> plan_sync(const std::string& file, const Arguments& arguments, const EnvironmentLookup& environment,
                           replicate::PatternCache& patterns);

}  // namespace freightliner::cli
