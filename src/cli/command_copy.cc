#include <unistd.h>

#include "cli/arguments.h"
#include "cli/batch_run.h"
#include "cli/copy_request.h"
#include "cli/copy_run.h"
#include "cli/reference_text.h"
#include "cli/render.h"
#include "cli/run_frame.h"

namespace freightliner::cli {
namespace {

int run_request(RunFrame& frame, const CopyRequest& request, const Voice& voice) {
  const CopyNames names = {.source = request.source.to_string(), .destination = request.destination.to_string()};
  const auto report = run_copy_request(request, frame.services(), frame.stop());
  frame.end_progress();
  // A copy that was complete when the signal came is a success.
  if (report) {
    return report_result(voice, voice.json_output ? render_json(*report, names) : render_text(*report, names),
                         exit_code(*report));
  }
  const Error error = frame.explain(report.error());
  const int code = exit_code(error.code(), frame.interruption());
  if (voice.json_output) static_cast<void>(voice.terminal.print(render_json(error, code, names)));
  write_failure(voice.terminal, voice.log_format, error.describe());
  return code;
}

int run_copy_batch(const CommandContext& context, const Settings& settings, const std::vector<std::string>& operands,
                   const Voice& voice) {
  const auto request = make_batch_request(settings, operands, context.environment, STDIN_FILENO);
  if (!request) return report_usage(voice, request.error());
  RunFrame frame(settings, voice, request->timeout);
  return frame.settle(run_batch(frame, *request, settings, voice));
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
  return frame.settle(run_request(frame, *request, voice));
}

}  // namespace freightliner::cli
