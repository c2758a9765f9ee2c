#include <unistd.h>

#include "cli/arguments.h"
#include "cli/copy_request.h"
#include "cli/copy_run.h"
#include "cli/reference_text.h"
#include "cli/render.h"
#include "cli/run_monitor.h"
#include "freightliner/replicate/copy_record.h"

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

/// Where an image is, as a report names it.
struct Place {
  std::string repository;
  std::string reference;
};

Place place_of(const transport::ImageName& name) {
  const std::string& tag = name.reference ? name.reference->tag : name.tag;
  const auto& digest = name.reference ? name.reference->digest : name.digest;
  return {name.reference ? name.reference->repository : name.path.string(), digest ? digest->to_string() : tag};
}

replicate::SingleCopy single_copy(const CopyRequest& request, const CopyNames& names) {
  const Place destination = place_of(request.destination);
  return {.source = names.source,
          .destination = names.destination,
          .repository = {place_of(request.source).repository, destination.repository},
          .tag = destination.reference,
          .recompresses = request.options.recompress.has_value(),
          .dry_run = request.options.dry_run,
          .started = {}};
}

/// Saves the report where one is wanted; returns `code`, or that of the failure where it was 0.
int save_report(RunFrame& frame, const CopyRequest& request, const replicate::TreeReport& report, int code) {
  if (request.monitor.report.empty()) return code;
  const Status saved = replicate::save_report(report, request.monitor.report, frame.cleanups());
  if (saved) return code;
  write_failure(frame.voice().terminal, frame.voice().log_format, saved.error().describe());
  return code == kExitDone ? exit_code(saved.error().code()) : code;
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
  return monitor.conclude(save_report(frame, request, report, told));
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
  const auto request = make_copy_request(*settings, arguments->operands, context.environment, STDIN_FILENO);
  if (!request) return report_usage(voice, request.error());
  RunFrame frame(*settings, voice, request->timeout);
  return frame.settle(run_request(frame, *request));
}

}  // namespace freightliner::cli
