#include <unistd.h>

#include "cli/arguments.h"
#include "cli/reference_text.h"
#include "cli/tree_command.h"
#include "cli/tree_render.h"
#include "cli/tree_run.h"

namespace freightliner::cli {

int run_check(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kCheckCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("check")));
  const auto settings = Settings::resolve(kCheckCommand, *arguments, context.environment);
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  replicate::PatternCache patterns;
  const auto request =
      make_tree_request({kCheckCommand, *settings, arguments->operands, context.environment, STDIN_FILENO}, patterns,
                        SystemClock().wall_time());
  if (!request) return report_usage(voice, request.error());
  RunFrame frame(*settings, voice, request->timeout);
  RunMonitor monitor(frame, request->monitor, "check");
  return frame.settle(finish_tree_run(frame, monitor, *request, check_tree(*request, monitor.services(), frame.stop()),
                                      render_check_text));
}

}  // namespace freightliner::cli
