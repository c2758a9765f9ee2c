#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "freightliner/cli/app.h"
#include "freightliner/cli/option_table.h"

namespace freightliner::cli {

/// What a command gets to work with.
struct CommandContext {
  /// What stands behind the command's name.
  const std::vector<std::string>& arguments;
  const EnvironmentLookup& environment;
  Terminal& terminal;
};

/// One command: what the help says, and what runs. Commands stand in one table (commands.cc), each in a file of its
/// own.
struct Command {
  CommandId id;
  std::string_view name;
  std::string_view operands;
  std::string_view summary;
  std::string_view description;
  /// Runs the command and returns the exit code; has told about any failure.
  int (*run)(const CommandContext&);
};

std::span<const Command> commands() noexcept;
/// nullptr where there is none of that name.
const Command* find_command(std::string_view name) noexcept;

int run_check(const CommandContext& context);
int run_checkpoint(const CommandContext& context);
int run_config(const CommandContext& context);
int run_copy(const CommandContext& context);
int run_filter_test(const CommandContext& context);
int run_report(const CommandContext& context);
int run_replicate_tree(const CommandContext& context);
int run_sync(const CommandContext& context);
int run_docs(const CommandContext& context);
int run_help(const CommandContext& context);
int run_version(const CommandContext& context);

/// Prints a result, or says on standard error why there is none (or why it could not be printed). Returns the exit
/// code.
int print_result(Terminal& terminal, const Result<std::string>& text);

/// "0.1.0"
std::string_view version() noexcept;

}  // namespace freightliner::cli
