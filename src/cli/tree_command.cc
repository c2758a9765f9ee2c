#include "cli/tree_command.h"

#include <algorithm>
#include <functional>

#include "cli/tree_run.h"

namespace freightliner::cli {
namespace {

Status print_report(const Voice& voice, const replicate::TreeReport& report,
                    std::string (*text)(const replicate::TreeReport&)) {
  if (voice.json_output) {
    return replicate::write_report(report, [&](std::string_view piece) { return voice.terminal.print(piece); });
  }
  // A run that never began has nothing to count.
  if (report.error && report.references.empty()) return {};
  return voice.terminal.print(text(report));
}

replicate::PatternUse pattern_use(const TreeRequest& request) {
  const replicate::TreeSelection& selection = request.options.selection;
  replicate::PatternUse use{.cache = request.patterns, .decisions = selection.repository_filter.decided_by_tier()};
  std::ranges::transform(use.decisions, selection.tag_filter.decided_by_tier(), use.decisions.begin(), std::plus());
  return use;
}

}  // namespace

int finish_tree_run(RunFrame& frame, RunMonitor& monitor, const TreeRequest& request, replicate::TreeReport report,
                    std::string (*text)(const replicate::TreeReport&)) {
  const Voice& voice = frame.voice();
  frame.end_progress();
  report.performance = monitor.finish();
  if (report.error) report.error = frame.explain(*report.error);
  report.exit_code = monitor.judge(exit_code(report, frame.interruption()));
  report.patterns = pattern_use(request);
  const Status printed = print_report(voice, report, text);
  // A run that another run keeps away has nothing to report: the file may be that one's.
  const bool was_locked_out = report.error && report.error->code() == ErrorCode::kLocked;
  const Status saved = request.monitor.report.empty() || was_locked_out
                           ? Status()
                           : replicate::save_report(report, request.monitor.report, frame.cleanups());
  if (report.error) write_failure(voice.terminal, voice.log_format, report.error->describe());
  for (const Status* status : {&printed, &saved}) {
    if (*status) continue;
    write_failure(voice.terminal, voice.log_format, status->error().describe());
    if (report.exit_code == kExitDone) report.exit_code = exit_code(status->error().code());
  }
  return monitor.conclude(report.exit_code);
}

}  // namespace freightliner::cli
