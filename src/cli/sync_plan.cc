#include "cli/sync_plan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "freightliner/base/text.h"
#include "freightliner/io/file.h"
#include "freightliner/transport/own_files.h"

namespace freightliner::cli {
namespace {

/// A file that a job writes.
struct JobFile {
  const PlannedJob* job;
  std::filesystem::path path;
  std::filesystem::path resolved;
  bool is_lock = false;
};

std::vector<JobFile> files_of(const std::vector<PlannedJob>& jobs) {
  std::vector<JobFile> files;
  const auto add = [&](const PlannedJob& job, const std::filesystem::path& path, bool is_lock) {
    if (!path.empty()) files.push_back({&job, path, io::resolve(path), is_lock});
  };
  for (const PlannedJob& job : jobs) {
    add(job, job.request.monitor.report, false);
    add(job, job.request.monitor.metrics_file, false);
    add(job, job.request.checkpoint, false);
    add(job, job.request.lock, true);
  }
  return files;
}

// Two jobs that write to one file would undo each other's work. They may have one lock: no job runs beside another.
Status check_apart(const std::vector<JobFile>& files) {
  std::map<std::filesystem::path, const JobFile*> owners;
  for (const JobFile& file : files) {
    const auto [owner, fresh] = owners.emplace(file.resolved, &file);
    if (fresh || (file.is_lock && owner->second->is_lock)) continue;
    return fail(ErrorCode::kUsage,
                fmt::format("the jobs \"{}\" and \"{}\" would both write {}: give each its own report, metrics file, "
                            "checkpoint and lock",
                            printable(owner->second->job->name, 64), printable(file.job->name, 64),
                            printable(file.path.string(), 4096)));
  }
  return {};
}

// With its own trees each job was compared when its request was made.
Status check_apart_from(const PlannedJob& job, const transport::TreeName& tree, const std::vector<JobFile>& files) {
  if (tree.is_registry()) return {};
  const std::string directory = io::resolve(tree.directory).string();
  for (const JobFile& file : files) {
    // is_part_of() asks the file system, and there are as many pairs as jobs times files.
    if (!file.resolved.native().starts_with(directory) || !transport::is_part_of(file.path, tree)) continue;
    return fail(ErrorCode::kUsage,
                fmt::format("the job \"{}\" would write {}, which belongs to {} of the job \"{}\": name another",
                            printable(file.job->name, 64), printable(file.path.string(), 4096),
                            printable(tree.to_string(), 4096), printable(job.name, 64)));
  }
  return {};
}

Status check_files(const std::vector<PlannedJob>& jobs) {
  const std::vector<JobFile> files = files_of(jobs);
  FL_CHECK(check_apart(files));
  for (const PlannedJob& job : jobs) {
    FL_CHECK(check_apart_from(job, job.request.source, files));
    FL_CHECK(check_apart_from(job, job.request.destination, files));
  }
  return {};
}

Result<std::vector<SyncJob>> chosen(const SyncFile& file, const std::vector<std::string>& only) {
  if (only.empty()) return file.jobs;
  std::vector<SyncJob> jobs;
  for (const std::string& name : only) {
    const auto job = std::ranges::find(file.jobs, name, &SyncJob::name);
    if (job == file.jobs.end()) {
      std::string names;
      for (const SyncJob& there : file.jobs) names += (names.empty() ? "" : ", ") + printable(there.name, 64);
      return fail(ErrorCode::kUsage, fmt::format("--only: {} has no job \"{}\" (there: {})", printable(file.path, 4096),
                                                 printable(name, 64), names));
    }
    jobs.push_back(*job);
  }
  return jobs;
}

}  // namespace

Result<SyncPlan> plan_sync(const std::string& path, const Arguments& arguments, const EnvironmentLookup& environment,
                           replicate::PatternCache& patterns) {
  if (!arguments.operands.empty()) {
    return fail(ErrorCode::kUsage, "sync takes its jobs from --config FILE; for SRC and DST use replicate-tree");
  }
  FL_TRY(const std::string text, read_config_text(path));
  FL_TRY(const SyncFile file, parse_sync_file(text, path, environment));
  FL_TRY(Settings settings, Settings::resolve_with(kSyncCommand, arguments, environment, path, file.defaults));
  const Duration timeout = settings.duration("timeout");
  SyncPlan plan{std::move(settings), timeout, {}};
  FL_TRY(const std::vector<SyncJob> jobs, chosen(file, plan.settings.values("only")));
  const auto now = SystemClock().wall_time();
  for (const SyncJob& job : jobs) {
    const auto in_job = [&](Error error) {
      return fail(std::move(error).with_context(fmt::format("job \"{}\"", printable(job.name, 64))));
    };
    auto of_job = Settings::resolve_with(kSyncCommand, arguments, environment, path, job.entries);
    if (!of_job) return in_job(std::move(of_job).error());
    auto request = make_tree_request({kSyncCommand, *of_job, {job.source, job.destination}, environment, STDIN_FILENO},
                                     patterns, now);
    if (!request) return in_job(std::move(request).error());
    plan.jobs.push_back({job.name, *std::move(request)});
  }
  FL_CHECK(check_files(plan.jobs));
  return plan;
}

}  // namespace freightliner::cli
