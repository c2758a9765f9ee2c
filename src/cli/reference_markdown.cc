#include <fmt/format.h>

#include "cli/reference_parts.h"
#include "cli/reference_text.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

// A pipe ends a cell, in code spans too (GitHub Flavored Markdown, section 4.10).
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') result += '\\';
    result += c;
  }
  return result;
}

std::string code(std::string_view text) {
  std::string result = "`";
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result + "`";
}

std::string option_row(const OptionSpec& option) {
  const std::string flag = flag_text(option);
  std::string variable = (option.sources & kFromEnvironment) != 0 ? code(environment_name(option)) : "";
  if (!option.second_environment.empty()) variable += ", " + code(option.second_environment);
  const bool literal = !option.default_value.empty();
  const std::string_view fallback = default_description(option);
  return fmt::format("| {} | {} | {} | {} |\n", flag.empty() ? "" : code(flag), variable,
                     literal ? code(fallback) : cell(fallback), cell(full_help(option)));
}

std::string command_section(const Command& command) {
  std::string text = fmt::format("\n## `freightliner {}`\n\n{}\n", command_title(command), command.description);
  const OptionSpec* previous = nullptr;
  for (const OptionSpec* option : options_of(command)) {
    if (previous == nullptr || previous->group != option->group) {
      text += fmt::format("\n### {}\n\n| Option | Environment variable | Default | Meaning |\n|---|---|---|---|\n",
                          heading(option->group));
    }
    text += option_row(*option);
    previous = option;
  }
  return text;
}

}  // namespace

std::string reference_markdown() {
  std::string text = fmt::format(
      "# Command line reference\n\n<!-- Made by `freightliner docs --format markdown`; a unit test compares. "
      "-->\n\n{}\n\n"
      "    freightliner COMMAND [OPTIONS] ARGUMENTS\n    freightliner --help | --version\n",
      kTagline);
  for (const Command& command : commands()) text += command_section(command);
  text += "\n## Image names\n\n| Form | Meaning |\n|---|---|\n";
  for (const NameForm& form : kNameForms) text += fmt::format("| {} | {} |\n", code(form.form), cell(form.meaning));
  text += fmt::format("\n{}\n\n## Where options come from\n\n{}\n\n{}\n\n```yaml\n{}```\n", kNotSupportedText,
                      kSourcesText, kConfigText, kConfigExample);
  text += "\n## Exit codes\n\nWhat each guarantees: [EXIT_CODES.md](EXIT_CODES.md).\n\n| Code | Meaning |\n|---|---|\n";
  for (const ExitCodeText& exit : exit_code_texts())
    text += fmt::format("| {} | {} |\n", exit.code, cell(exit.meaning));
  text += "\n## Examples\n";
  for (const NameForm& example : kExamples)
    text += fmt::format("\n```sh\n# {}\n{}\n```\n", example.meaning, example.form);
  return text;
}

}  // namespace freightliner::cli
