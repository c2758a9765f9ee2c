#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <utility>

#include "cli/foreign_flags.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

bool has_flag(const OptionSpec& option, CommandId command) {
  return (option.commands & command) != 0 && (option.sources & kFromFlag) != 0;
}

std::vector<std::string_view> flag_names(CommandId command) {
  std::vector<std::string_view> names = {"help"};
  for (const OptionSpec& option : option_table()) {
    if (has_flag(option, command)) names.push_back(option.name);
  }
  return names;
}

// The flag alone: what stands behind '=' may be a secret.
std::string_view flag_of(std::string_view argument) {
  if (argument.starts_with("--")) return argument.substr(0, argument.find('='));
  return argument.substr(0, 2);
}

Unexpected unknown_flag(CommandId command, std::string_view flag) {
  if (const auto foreign = explain_foreign_flag(flag)) return fail(ErrorCode::kUsage, *foreign);
  const auto similar = nearest(flag.substr(std::min(flag.find_first_not_of('-'), flag.size())), flag_names(command));
  return fail(ErrorCode::kUsage,
              fmt::format("unknown option {}{}", printable(flag, 64),
                          similar ? fmt::format("; did you mean --{}?", *similar) : "; see freightliner help"));
}

// CLI11 would take the next argument for the missing value.
Status refuse_empty_values(CommandId command, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--") || !argument.ends_with('=')) continue;
    const std::string_view flag = flag_of(argument);
    const OptionSpec* option = find_option(flag.substr(2));
    if (option != nullptr && has_flag(*option, command))
      return fail(ErrorCode::kUsage, fmt::format("{}: the value is empty", flag));
  }
  return {};
}

struct BoundFlag {
  const OptionSpec* spec = nullptr;
  CLI::Option* option = nullptr;
};

std::vector<BoundFlag> add_flags(CLI::App& app, CommandId command) {
  std::vector<BoundFlag> flags;
  for (const OptionSpec& spec : option_table()) {
    if (!has_flag(spec, command)) continue;
    const std::string names =
        spec.letter == '\0' ? fmt::format("--{}", spec.name) : fmt::format("-{},--{}", spec.letter, spec.name);
    CLI::Option* option = spec.kind == OptionKind::kSwitch ? app.add_flag(names) : app.add_option(names)->expected(1);
    // How often an option may stand there is checked later, for all sources alike.
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    flags.push_back({&spec, option});
  }
  return flags;
}

Status collect_operands(CommandId command, const std::vector<std::string>& remaining, Arguments& result) {
  bool only_operands = false;
  for (const std::string& argument : remaining) {
    if (!only_operands && argument == "--") {
      only_operands = true;
    } else if (!only_operands && argument.size() > 1 && argument.front() == '-') {
      return unknown_flag(command, flag_of(argument));
    } else {
      result.operands.push_back(argument);
    }
  }
  return {};
}

}  // namespace

Result<Arguments> parse_arguments(CommandId command, const std::vector<std::string>& arguments) {
  FL_CHECK(refuse_empty_values(command, arguments));
  try {
    CLI::App app;
    app.set_help_flag("");
    app.allow_extras();
    const std::vector<BoundFlag> flags = add_flags(app, command);
    const CLI::Option* help = app.add_flag("-h,--help");
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 wants them in reverse

    Arguments result;
    result.help = help->count() > 0;
    if (result.help) return result;
    for (const auto& [spec, option] : flags) {
      if (option->count() > 0) result.values.emplace(spec->name, option->results());
    }
    FL_CHECK(collect_operands(command, app.remaining(), result));
    return result;
  } catch (const CLI::ArgumentMismatch& mismatch) {
    // CLI11 writes "--option: 1 required TYPE missing".
    const std::string_view text = mismatch.what();
    return fail(ErrorCode::kUsage,
                fmt::format("a value is missing: {}", printable(text.substr(0, text.find(':')), 128)));
  } catch (const CLI::Error& error) {
    return fail(ErrorCode::kUsage, printable(error.what(), 256));
  }
}

}  // namespace freightliner::cli
