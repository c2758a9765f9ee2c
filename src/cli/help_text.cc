#include <fmt/format.h>

#include "cli/reference_parts.h"
#include "cli/reference_text.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kHelpColumns = 100;

// Breaks at spaces; every line but the first starts with `indent` spaces. `column` is where the first one starts.
std::string wrap(std::string_view text, std::size_t indent, std::size_t column) {
  std::string result;
  bool first_word = true;
  for (const std::string_view word : split(text, ' ')) {
    if (!first_word && column + 1 + word.size() > kHelpColumns) {
      result += fmt::format("\n{:{}}", "", indent);
      column = indent;
    } else if (!first_word) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    first_word = false;
  }
  return result;
}

std::string option_entry(const OptionSpec& option) {
  constexpr std::size_t kIndent = 8;
  const std::string flag = flag_text(option);
  std::string text = full_help(option);
  if (const auto fallback = default_description(option); !fallback.empty())
    text += fmt::format(" Default: {}.", fallback);
  return fmt::format("  {}\n{:{}}{}\n", flag.empty() ? fmt::format("${}", environment_name(option)) : flag, "", kIndent,
                     wrap(text, kIndent, kIndent));
}

std::string names_section() {
  std::string text = "\nSRC and DST:\n";
  for (const NameForm& form : kNameForms) {
    text += fmt::format("  {}\n        {}\n", form.form, wrap(form.meaning, 8, 8));
  }
  return text;
}

std::string options_section(const Command& command) {
  std::string text;
  const OptionSpec* previous = nullptr;
  for (const OptionSpec* option : options_of(command)) {
    if (previous == nullptr || previous->group != option->group) text += fmt::format("\n{}:\n", heading(option->group));
    text += option_entry(*option);
    previous = option;
  }
  if (command.id == kCopyCommand) {
    text += fmt::format("\n{}\nVariables are named FREIGHTLINER_<OPTION>, as in FREIGHTLINER_LOG_LEVEL.\n",
                        wrap(kSourcesText, 0, 0));
  }
  return text;
}

}  // namespace

std::string program_help() {
  std::string text = fmt::format("{}\n\nUsage: freightliner COMMAND [OPTIONS] ARGUMENTS\n\nCommands:\n", kTagline);
  for (const Command& command : commands()) text += fmt::format("  {:<16}{}\n", command.name, command.summary);
  text +=
      "\nOptions:\n  --help    Print this help; behind a command, that command's\n  --version Print the "
      "version\n\nExamples:\n";
  for (const NameForm& example : kExamples) text += fmt::format("  # {}\n  {}\n", example.meaning, example.form);
  return text;
}

std::string command_help(const Command& command) {
  std::string text =
      fmt::format("Usage: freightliner {}\n\n{}\n", command_title(command), wrap(command.description, 0, 0));
  if (command.id == kCopyCommand) text += names_section();
  return text + options_section(command);
}

}  // namespace freightliner::cli
