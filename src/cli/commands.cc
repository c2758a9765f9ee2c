#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/log_sink.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

constexpr Command kCommands[] = {
    {kCopyCommand, "copy", "SRC DST", "Copy one image",
     "Copies the image that SRC names to DST, byte for byte: same digest, all platforms, whatever its layers are. "
     "Blobs go "
     "first, then the manifests, the tags last: a failed run leaves the destination's tags as they were. What the "
     "destination has is not sent again.",
     run_copy},
    {kDocsCommand, "docs", "", "Print the reference documentation", "Prints the reference of all commands and options.",
     run_docs},
    {kHelpCommand, "help", "[COMMAND]", "Print help", "Prints the help of the program or of one command.", run_help},
    {kVersionCommand, "version", "", "Print the version", "Prints the version.", run_version},
};

}  // namespace

std::span<const Command> commands() noexcept {
  return kCommands;
}

const Command* find_command(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::ranges::end(kCommands) ? nullptr : found;
}

int print_result(Terminal& terminal, const Result<std::string>& text) {
  const auto failure = [&](const Error& error) {
    write_failure(terminal, LogFormat::kText, error.describe());
    return exit_code(error.code());
  };
  if (!text) return failure(text.error());
  const Status printed = terminal.print(*text);
  return printed ? kExitDone : failure(printed.error());
}

std::string_view version() noexcept {
  return FREIGHTLINER_VERSION;
}

}  // namespace freightliner::cli
