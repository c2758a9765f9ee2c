#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"
#include "cli/config_file.h"
#include "freightliner/base/clock.h"
#include "freightliner/cli/app.h"

namespace freightliner::cli {

/// Where a value came from, weakest first.
enum class Origin { kUnset, kDefault, kConfig, kEnvironment, kFlag };

/// The options of one command, each from its strongest source: flag > environment > configuration file > default.
/// Values were checked against the option table, so the accessors can't fail; asking one for a name that is not in the
/// table, or not of that kind, is a bug and throws. Immutable.
class Settings {
 public:
  /// Reads the configuration file where one is named. Errors: kUsage, naming the flag, variable, or file and line.
  static Result<Settings> resolve(CommandId command, const Arguments& arguments, const EnvironmentLookup& environment);

  /// The same with what a configuration file says given: `file` names it in errors; what `--config` names is not read.
  static Result<Settings> resolve_with(CommandId command, const Arguments& arguments,
                                       const EnvironmentLookup& environment, const std::string& file,
                                       const std::vector<ConfigEntry>& config);

  /// The same with some options set anew, by a part of the input that has its own; checked as all are. Errors: kUsage,
  /// naming the option.
  Result<Settings> with(const std::vector<ConfigEntry>& entries) const;

  /// Whether the command has such an option.
  bool knows(std::string_view name) const { return settings_.contains(name); }
  Origin origin(std::string_view name) const { return at(name).origin; }
  /// Where the value was set, for errors: "--jobs", "FREIGHTLINER_JOBS", "run.yaml:3: jobs".
  const std::string& where(std::string_view name) const { return at(name).where; }
  bool has(std::string_view name) const { return !at(name).values.empty(); }
  const std::vector<std::string>& values(std::string_view name) const { return at(name).values; }
  /// The value; empty where there is none.
  std::string text(std::string_view name) const;
  bool on(std::string_view name) const;
  /// 0 where there is none.
  std::uint64_t number(std::string_view name) const;
  std::uint64_t size(std::string_view name) const;
  Duration duration(std::string_view name) const;

 private:
  struct Setting {
    std::vector<std::string> values;
    Origin origin = Origin::kUnset;
    std::string where;
  };
  const Setting& at(std::string_view name) const;

  std::map<std::string, Setting, std::less<>> settings_;
};

}  // namespace freightliner::cli
