#include <fmt/format.h>

#include "cli/reference_parts.h"
#include "cli/reference_text.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

// groff_man(7): a hyphen that is meant is "\-", and no line may begin with a control character.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if ((result.empty() || result.back() == '\n') && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string entry(std::string_view term, std::string_view text) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(term), roff(text));
}

std::string option_entry(const OptionSpec& option) {
  std::string text = full_help(option);
  if (const auto fallback = default_description(option); !fallback.empty())
    text += fmt::format(" Default: {}.", fallback);
  const std::string flag = flag_text(option);
  if (flag.empty()) return entry(environment_name(option), text);
  if ((option.sources & kFromEnvironment) != 0) text += fmt::format(" Environment: {}.", environment_name(option));
  return entry(flag, text);
}

std::string command_section(const Command& command) {
  std::string text =
      fmt::format(".SH {}\n{}\n", roff("freightliner " + command_title(command)), roff(command.description));
  const OptionSpec* previous = nullptr;
  for (const OptionSpec* option : options_of(command)) {
    if (previous == nullptr || previous->group != option->group)
      text += fmt::format(".SS {}\n", roff(heading(option->group)));
    text += option_entry(*option);
    previous = option;
  }
  return text;
}

}  // namespace

std::string reference_man() {
  std::string text = fmt::format(
      ".\\\" Made by \"freightliner docs --format man\"; a unit test compares.\n.TH FREIGHTLINER 1\n.SH "
      "NAME\nfreightliner \\- "
      "copy container images\n.SH SYNOPSIS\n.B freightliner\n.I COMMAND\n[\n.I OPTIONS\n]\n.I ARGUMENTS\n"
      ".SH DESCRIPTION\n{}\n.SH COMMANDS\n",
      roff(kTagline));
  for (const Command& command : commands()) text += entry(command_title(command), command.summary);
  for (const Command* command : commands_with_options()) text += command_section(*command);
  text += ".SH IMAGE NAMES\n";
  for (const NameForm& form : kNameForms) text += entry(form.form, form.meaning);
  text += fmt::format(".PP\n{}\n.SH ENVIRONMENT AND CONFIGURATION\n{}\n.PP\n{}\n.PP\n.nf\n{}.fi\n",
                      roff(kNotSupportedText), roff(kSourcesText), roff(kConfigText), roff(kConfigExample));
  text += ".SH EXIT STATUS\n";
  for (const ExitCodeText& exit : exit_code_texts()) text += entry(exit.code, exit.meaning);
  text += ".SH EXAMPLES\n";
  for (const NameForm& example : kExamples) {
    text += fmt::format(".TP\n{}\n.nf\n{}\n.fi\n", roff(example.meaning), roff(example.form));
  }
  return text;
}

}  // namespace freightliner::cli
