#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

struct Found {
  std::string value;
  std::string variable;
};

std::optional<Found> from_environment(const OptionSpec& option, const EnvironmentLookup& environment) {
  if ((option.sources & kFromEnvironment) == 0) return std::nullopt;
  std::vector<std::string> variables = {environment_name(option)};
  if (!option.second_environment.empty()) variables.emplace_back(option.second_environment);
  for (std::string& variable : variables) {
    auto value = environment(variable.c_str());
    if (value && !value->empty()) return Found{*std::move(value), std::move(variable)};
  }
  return std::nullopt;
}

std::vector<std::string> split_list(const OptionSpec& option, const std::string& value) {
  if (!option.repeatable) return {value};
  std::vector<std::string> items;
  for (const std::string_view item : split(value, ',')) items.emplace_back(trim(item));
  return items;
}

Status check_values(const OptionSpec& option, const std::vector<std::string>& values, const std::string& where) {
  const auto here = [&](Error error) { return fail(std::move(error).with_context(where)); };
  if (values.size() > 1 && !option.repeatable) return here(Error(ErrorCode::kUsage, "given more than once"));
  for (const std::string& value : values) {
    if (auto checked = check_value(option, value); !checked) return here(std::move(checked).error());
  }
  return {};
}

// The configuration file is itself named by an option.
Result<std::string> config_path(const Arguments& arguments, const EnvironmentLookup& environment) {
  const OptionSpec& option = *find_option("config");
  const auto flag = arguments.values.find(option.name);
  if (flag != arguments.values.end()) {
    FL_CHECK(check_values(option, flag->second, "--config"));
    return flag->second.front();
  }
  auto found = from_environment(option, environment);
  return found ? std::move(found->value) : std::string();
}

}  // namespace

Result<Settings> Settings::resolve(CommandId command, const Arguments& arguments,
                                   const EnvironmentLookup& environment) {
  FL_TRY(const std::string path, config_path(arguments, environment));
  std::vector<ConfigEntry> config;
  if (!path.empty()) {
    FL_TRY(config, read_config_file(path));
  }
  return resolve_with(command, arguments, environment, path, config);
}

Result<Settings> Settings::resolve_with(CommandId command, const Arguments& arguments,
                                        const EnvironmentLookup& environment, const std::string& file,
                                        const std::vector<ConfigEntry>& config) {
  Settings result;
  for (const OptionSpec& option : option_table()) {
    if ((option.commands & command) == 0) continue;
    Setting setting;
    const auto flag = arguments.values.find(option.name);
    const auto entry = std::ranges::find(config, option.name, &ConfigEntry::name);
    if (flag != arguments.values.end()) {
      setting = {.values = flag->second, .origin = Origin::kFlag, .where = fmt::format("--{}", option.name)};
    } else if (auto found = from_environment(option, environment)) {
      setting = {.values = split_list(option, found->value), .origin = Origin::kEnvironment, .where = found->variable};
    } else if (entry != config.end()) {
      setting = {.values = entry->values,
                 .origin = Origin::kConfig,
                 .where = fmt::format("{}:{}: {}", printable(file), entry->line, option.name)};
    } else if (!option.default_value.empty()) {
      setting = {
          .values = {std::string(option.default_value)}, .origin = Origin::kDefault, .where = std::string(option.name)};
    }
    FL_CHECK(check_values(option, setting.values, setting.where));
    result.settings_.emplace(option.name, std::move(setting));
  }
  return result;
}

Result<Settings> Settings::with(const std::vector<ConfigEntry>& entries) const {
  Settings result = *this;
  for (const ConfigEntry& entry : entries) {
    FL_CHECK(check_values(*find_option(entry.name), entry.values, entry.name));
    result.settings_[entry.name] = {.values = entry.values, .origin = Origin::kConfig, .where = entry.name};
  }
  return result;
}

const Settings::Setting& Settings::at(std::string_view name) const {
  const auto found = settings_.find(name);
  if (found == settings_.end()) throw std::logic_error(fmt::format("no option {} in this command", name));
  return found->second;
}

std::string Settings::text(std::string_view name) const {
  const Setting& setting = at(name);
  return setting.values.empty() ? std::string() : setting.values.front();
}

bool Settings::on(std::string_view name) const {
  return has(name) && parse_switch(text(name)).value();
}

std::uint64_t Settings::number(std::string_view name) const {
  return has(name) ? parse_number(text(name)).value() : 0;
}

std::uint64_t Settings::size(std::string_view name) const {
  return has(name) ? parse_bytes(text(name)).value() : 0;
}

Duration Settings::duration(std::string_view name) const {
  return has(name) ? parse_duration(text(name)).value() : Duration(0);
}

}  // namespace freightliner::cli
