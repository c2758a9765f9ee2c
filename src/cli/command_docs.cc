#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/reference_text.h"
#include "cli/settings.h"

namespace freightliner::cli {
namespace {

Result<std::string> make_text(const CommandContext& context) {
  FL_TRY(const Arguments arguments, parse_arguments(kDocsCommand, context.arguments));
  if (arguments.help) return command_help(*find_command("docs"));
  if (!arguments.operands.empty()) return fail(ErrorCode::kUsage, "docs takes no arguments");
  FL_TRY(const Settings settings, Settings::resolve(kDocsCommand, arguments, context.environment));
  return settings.text("format") == "man" ? reference_man() : reference_markdown();
}

}  // namespace

int run_docs(const CommandContext& context) {
  return print_result(context.terminal, make_text(context));
}

}  // namespace freightliner::cli
