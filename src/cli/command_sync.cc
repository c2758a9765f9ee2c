#include <fmt/format.h>

#include "cli/json_text.h"
#include "cli/reference_text.h"
#include "cli/sync_plan.h"
#include "cli/tree_command.h"
#include "cli/tree_render.h"
#include "cli/tree_run.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

/// The results of jobs on standard output: for people one below the other, else one JSON array.
class SyncOutput {
 public:
  explicit SyncOutput(const Voice& voice) : voice_(voice) {}

  void begin(const std::string& job) {
    if (voice_.json_output) {
      const std::string opening = fmt::format("{}{{\"job\":{},\"report\":", first_ ? "[" : ",", json_text(Json(job)));
      static_cast<void>(voice_.terminal.print(opening));
    } else {
      static_cast<void>(voice_.terminal.print(fmt::format("{}== {}\n", first_ ? "" : "\n", printable(job, 256))));
    }
    first_ = false;
  }
  void end_job() const {
    if (voice_.json_output) static_cast<void>(voice_.terminal.print("}"));
  }
  void end() const {
    if (voice_.json_output) static_cast<void>(voice_.terminal.print(first_ ? "[]\n" : "]\n"));
  }

 private:
  const Voice& voice_;
  bool first_ = true;
};

int run_jobs(RunFrame& frame, const SyncPlan& plan, const Voice& voice) {
  SyncOutput output(voice);
  int code = kExitDone;
  for (const PlannedJob& job : plan.jobs) {
    if (frame.stop().stop_requested()) break;
    RunMonitor monitor(frame, job.request.monitor, "sync");
    replicate::TreeReport report = replicate_tree(job.request, monitor.services(), frame.stop());
    if (report.error) report.error = std::move(*report.error).with_context("job " + printable(job.name, 256));
    output.begin(job.name);
    const int of_job = finish_tree_run(frame, monitor, job.request, std::move(report), render_tree_text);
    output.end_job();
    // One kind of failure is told as it is, several are a partial success.
    if (of_job != kExitDone) code = code == kExitDone || code == of_job ? of_job : static_cast<int>(kExitPartial);
    if (of_job != kExitDone && job.request.options.fail_fast) break;
  }
  output.end();
  // Jobs that never began because the time was over make no success.
  if (frame.stop().stop_requested()) return exit_code(ErrorCode::kCancelled, frame.interruption());
  return voice.terminal.output_status() ? code : static_cast<int>(kExitLocalIo);
}

}  // namespace

int run_sync(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kSyncCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("sync")));
  const auto flag = arguments->values.find("config");
  const std::string file =
      flag != arguments->values.end() ? flag->second.front() : context.environment("FREIGHTLINER_CONFIG").value_or("");
  if (file.empty())
    return report_usage(guess, Error(ErrorCode::kUsage, "sync needs --config FILE, the file with the jobs"));
  replicate::PatternCache patterns;
  const auto plan = plan_sync(file, *arguments, context.environment, patterns);
  if (!plan) return report_usage(guess, plan.error());
  const Voice voice = voice_of(plan->settings, context.terminal);
  RunFrame frame(plan->settings, voice, plan->timeout);
  return frame.settle(run_jobs(frame, *plan, voice));
}

}  // namespace freightliner::cli
