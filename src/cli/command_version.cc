#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/reference_text.h"

namespace freightliner::cli {
namespace {

Result<std::string> make_text(const CommandContext& context) {
  FL_TRY(const Arguments arguments, parse_arguments(kVersionCommand, context.arguments));
  if (arguments.help) return command_help(*find_command("version"));
  if (!arguments.operands.empty()) return fail(ErrorCode::kUsage, "version takes no arguments");
  return fmt::format("freightliner {}\n", version());
}

}  // namespace

int run_version(const CommandContext& context) {
  return print_result(context.terminal, make_text(context));
}

}  // namespace freightliner::cli
