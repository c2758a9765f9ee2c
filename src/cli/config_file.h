#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"

namespace freightliner::cli {

/// One key of a configuration file: the name of an option and what it is set to.
struct ConfigEntry {
  std::string name;
  std::vector<std::string> values;
  int line = 0;  // from 1
};

/// How a mapping of options in a YAML file is read.
struct ConfigRules {
  /// Only options of these commands; 0: of any, one file serves all commands.
  unsigned commands = 0;
  /// Replaces each value before it is checked, or says why it can't be; null: values stay as they are, and secrets are
  /// refused. Told whether the option is a secret.
  std::function<Result<std::string>(const std::string& value, bool secret)> expand = nullptr;
  /// Keys that are not options: the caller's.
  std::vector<std::string_view> others = {};
};

/// "run.yaml:3"
std::string at_line(const std::string& file, int line);

/// Reads a configuration file: YAML, one flat mapping of option names to scalars, or to sequences of scalars for
/// options that may be repeated. Everything is checked, against the whole option table: one file serves all commands.
/// Errors: kUsage with file and line for unknown, duplicate or misplaced keys, wrong kinds and values, a file that
/// can't be read, is no YAML or is larger than 1 MiB.
Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& path);
/// The same for a text; `name` stands in errors.
Result<std::vector<ConfigEntry>> parse_config(const std::string& text, const std::string& name);
/// Whatever size a configuration file may have.
Result<std::string> read_config_text(const std::filesystem::path& path);

}  // namespace freightliner::cli
