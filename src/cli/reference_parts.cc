#include "cli/reference_parts.h"

#include <fmt/format.h>

namespace freightliner::cli {

std::vector<const OptionSpec*> options_of(const Command& command) {
  std::vector<const OptionSpec*> options;
  for (const OptionSpec& option : option_table()) {
    if ((option.commands & command.id) != 0) options.push_back(&option);
  }
  return options;
}

std::string command_title(const Command& command) {
  const std::string_view options = options_of(command).empty() ? "" : " [OPTIONS]";
  return fmt::format("{}{}{}{}", command.name, options, command.operands.empty() ? "" : " ", command.operands);
}

std::string flag_text(const OptionSpec& option) {
  if ((option.sources & kFromFlag) == 0) return {};
  const std::string letter = option.letter == '\0' ? "" : fmt::format("-{}, ", option.letter);
  if (option.kind == OptionKind::kSwitch) return fmt::format("{}--{}", letter, option.name);
  return fmt::format("{}--{} {}", letter, option.name, option.choices.empty() ? option.value_name : option.choices);
}

std::string full_help(const OptionSpec& option) {
  return option.repeatable ? fmt::format("{} May be repeated.", option.help) : std::string(option.help);
}

std::vector<const Command*> commands_with_options() {
  std::vector<const Command*> result;
  for (const Command& command : commands()) {
    if (!options_of(command).empty()) result.push_back(&command);
  }
  return result;
}

}  // namespace freightliner::cli
