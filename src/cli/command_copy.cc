#include <unistd.h>

#include "cli/arguments.h"
#include "cli/batch_run.h"
#include "cli/copy_report_file.h"
#include "cli/copy_request.h"
#include "cli/copy_run.h"
#include "cli/reference_text.h"
#include "cli/run_monitor.h"

namespace freightliner::cli {
namespace {

using Outcome = Result<copy::CopyReport>;

int tell_outcome(const Voice& voice, const CopyNames& names, const Outcome& outcome, int code) {
  if (outcome) {
    return report_result(voice, voice.json_output ? render_json(*outcome, names) : render_text(*outcome, names), code);
  }
  if (voice.json_output) static_cast<void>(voice.terminal.print(render_json(outcome.error(), code, names)));
  write_failure(voice.terminal, voice.log_format, outcome.error().describe());
  return code;
}

int run_request(RunFrame& frame, const CopyRequest& request) {
  const CopyNames names = {.source = request.source.to_string(), .destination = request.destination.to_string()};
  replicate::SingleCopy single = single_copy(request, names);
  RunMonitor monitor(frame, request.monitor, "copy");
  const RunServices services = monitor.services();
  single.started = services.clock.wall_time();
  const TimePoint start = services.clock.now();
  Outcome outcome = run_copy_request(request, services, frame.stop());
  single.duration = std::chrono::duration_cast<Duration>(services.clock.now() - start);
  single.retries = services.progress.retries.load();
  frame.end_progress();
  if (!outcome) outcome = fail(frame.explain(outcome.error()));
  const runtime::PerformanceRecord& performance = monitor.finish();
  // A copy that was complete when the signal came is a success.
  const int code =
      monitor.judge(outcome ? exit_code(*outcome) : exit_code(outcome.error().code(), frame.interruption()));
  replicate::TreeReport report = replicate::single_report(single, outcome);
  report.performance = performance;
  report.exit_code = code;
  const int told = tell_outcome(frame.voice(), names, outcome, code);
  return monitor.conclude(save_copy_report(frame, request.monitor.report, report, told));
}

int run_copy_batch(const CommandContext& context, const Settings& settings, const std::vector<std::string>& operands,
                   const Voice& voice) {
  const auto request = make_batch_request(settings, operands, context.environment, STDIN_FILENO);
  if (!request) return report_usage(voice, request.error());
  RunFrame frame(settings, voice, request->timeout);
  return frame.settle(run_batch(frame, *request, settings));
}

}  // namespace

int run_copy(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kCopyCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("copy")));
  const auto settings = Settings::resolve(kCopyCommand, *arguments, context.environment);
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  if (settings->has("batch")) return run_copy_batch(context, *settings, arguments->operands, voice);
  const auto request = make_copy_request(*settings, arguments->operands, context.environment, STDIN_FILENO);
  if (!request) return report_usage(voice, request.error());
  RunFrame frame(*settings, voice, request->timeout);
  return frame.settle(run_request(frame, *request));
}

}  // namespace freightliner::cli
