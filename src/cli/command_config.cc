#include <fmt/format.h>

#include "cli/json_text.h"
#include "cli/reference_text.h"
#include "cli/sync_plan.h"
#include "cli/voice.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

Result<std::string> check_file(const std::vector<std::string>& operands, const EnvironmentLookup& environment,
                               bool json) {
  if (operands.size() != 2 || operands[0] != "check") return fail(ErrorCode::kUsage, "config takes check FILE");
  replicate::PatternCache patterns;
  FL_TRY(const SyncPlan plan, plan_sync(operands[1], Arguments(), environment, patterns));
  Json jobs = Json::array();
  std::string text;
  for (const PlannedJob& job : plan.jobs) {
    jobs.push_back({{"job", job.name},
                    {"source", job.request.source.to_string()},
                    {"destination", job.request.destination.to_string()}});
    text += fmt::format("{}: {} → {}\n", printable(job.name, 256), printable(job.request.source.to_string(), 512),
                        printable(job.request.destination.to_string(), 512));
  }
  return json ? json_text(jobs) + "\n" : text;
}

}  // namespace

int run_config(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kConfigCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("config")));
  const auto settings = Settings::resolve_with(kConfigCommand, *arguments, context.environment, {}, {});
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  const auto text = check_file(arguments->operands, context.environment, voice.json_output);
  if (!text) return report_usage(voice, text.error());
  return report_result(voice, *text, kExitDone);
}

}  // namespace freightliner::cli
