// The input is an option's value and, in further lines, a command line.

#include <vector>

#include "cli/arguments.h"
#include "freightliner/base/clock.h"
#include "freightliner/cli/option_table.h"
#include "freightliner/runtime/alert.h"
#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [value, rest] = fuzz::split_once(fuzz::text_of(data, size), '\n');
  for (const cli::OptionSpec& option : cli::option_table()) {
    const Status checked = cli::check_value(option, value);
    if (checked) continue;
    fuzz::require(fuzz::is_harmless(checked.error().describe()), "an error shows no control characters");
    const bool secret_shown =
        option.secret && value.size() > 4 && checked.error().message().find(value) != std::string::npos;
    fuzz::require(!secret_shown, "an error shows no secret");
  }
  if (const auto alert = runtime::AlertRule::parse(value); !alert) {
    fuzz::require(fuzz::is_harmless(alert.error().describe()), "an error shows no control characters");
  }
  if (const auto duration = parse_duration(value))
    fuzz::require(*duration >= Duration(0), "a duration is not negative");
  if (const auto bytes = parse_bytes(value))
    fuzz::require(*bytes < (1ULL << 63U), "a size is one that a file may have");

  std::vector<std::string> arguments;
  for (const std::string_view argument : split(rest, '\n')) {
    if (arguments.size() < 16) arguments.emplace_back(argument);
  }
  for (const auto command : {cli::kCopyCommand, cli::kReplicateTreeCommand, cli::kSyncCommand}) {
    const auto parsed = cli::parse_arguments(command, arguments);
    if (!parsed) {
      fuzz::require(fuzz::is_harmless(parsed.error().describe()), "an error shows no control characters");
      continue;
    }
    fuzz::require(parsed->operands.size() <= arguments.size(), "operands are what was given");
    for (const auto& [name, values] : parsed->values) {
      const cli::OptionSpec* const option = cli::find_option(name);
      fuzz::require(option != nullptr && (option->commands & command) != 0, "an option is one of the command");
      fuzz::require(!values.empty(), "an option that is given has a value");
    }
  }
  return 0;
}
