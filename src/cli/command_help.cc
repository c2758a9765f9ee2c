#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/reference_text.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

Result<std::string> make_text(const CommandContext& context) {
  FL_TRY(const Arguments arguments, parse_arguments(kHelpCommand, context.arguments));
  if (arguments.operands.empty()) return program_help();
  if (arguments.operands.size() > 1) return fail(ErrorCode::kUsage, "help takes one command");
  const std::string& name = arguments.operands.front();
  const Command* command = find_command(name);
  if (command != nullptr) return command_help(*command);
  return fail(ErrorCode::kUsage,
              fmt::format("there is no command \"{}\"; see freightliner --help", printable(name, 64)));
}

}  // namespace

int run_help(const CommandContext& context) {
  return print_result(context.terminal, make_text(context));
}

}  // namespace freightliner::cli
