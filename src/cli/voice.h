#pragma once

#include <string>

#include "cli/command.h"
#include "cli/log_sink.h"
#include "cli/settings.h"

namespace freightliner::cli {

/// How a run talks, as far as it is known.
struct Voice {
  Terminal& terminal;
  bool json_output = false;
  LogFormat log_format = LogFormat::kText;
};

/// Before the options are known to be right: what the user most likely wants an error to look like.
Voice guess_voice(const CommandContext& context);
Voice voice_of(const Settings& settings, Terminal& terminal);
LogLevel log_level_of(const Settings& settings);

/// Tells why a command can't be carried out, as a line on standard error and, with --output json, as an object on
/// standard output. Returns the exit code.
int report_failure(const Voice& voice, const Error& error, int code);
/// The same for an error of the user's input.
int report_usage(const Voice& voice, const Error& error);
/// The error of reading a file that the command line names: a missing one is a usage error.
Error input_error(Error error);
/// Prints a result; where that fails, says so and returns the code for it, else `code`.
int report_result(const Voice& voice, const std::string& text, int code);

}  // namespace freightliner::cli
