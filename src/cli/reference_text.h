#pragma once

#include <string>

#include "cli/command.h"

namespace freightliner::cli {

/// What `freightliner --help` prints.
std::string program_help();
/// What `freightliner COMMAND --help` prints.
std::string command_help(const Command& command);
/// The whole reference: docs/CLI.md and docs/freightliner.1 are these, word for word.
std::string reference_markdown();
std::string reference_man();

}  // namespace freightliner::cli
