#include "cli/sync_plan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

// Two jobs that write to one file would undo each other's work.
Status check_own_files(const std::vector<PlannedJob>& jobs) {
  std::map<std::filesystem::path, std::string> owners;
  for (const PlannedJob& job : jobs) {
    for (const std::filesystem::path& file :
         {job.request.monitor.report, job.request.monitor.metrics_file, job.request.checkpoint}) {
      if (file.empty()) continue;
      const auto [owner, fresh] = owners.emplace(file.lexically_normal(), job.name);
      if (fresh) continue;
      return fail(ErrorCode::kUsage,
                  fmt::format("the jobs \"{}\" and \"{}\" would both write {}: give each its own report, "
                              "metrics file and checkpoint",
                              printable(owner->second, 64), printable(job.name, 64), printable(file.string(), 4096)));
    }
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
  FL_CHECK(check_own_files(plan.jobs));
  return plan;
}

}  // namespace freightliner::cli
