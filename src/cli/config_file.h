#pragma once

#include <filesystem>
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

/// Reads a configuration file: YAML, one flat mapping of option names to scalars, or to sequences of scalars for
/// options that may be repeated. Everything is checked, against the whole option table: one file serves all commands.
/// Errors: kUsage with file and line for unknown, duplicate or misplaced keys, wrong kinds and values, a file that
/// can't be read, is no YAML or is larger than 1 MiB.
Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& path);
/// The same for a text; `name` stands in errors.
Result<std::vector<ConfigEntry>> parse_config(const std::string& text, const std::string& name);

}  // namespace freightliner::cli
