#include "cli/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "cli/foreign_flags.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/option_table.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kMaxConfigBytes = kMiB;

std::string at_line(const std::string& file, int line) {
  return fmt::format("{}:{}", printable(file), line);
}

Status check_key(const std::string& key) {
  const OptionSpec* option = find_option(key);
  if (option == nullptr) {
    std::vector<std::string_view> names;
    for (const OptionSpec& candidate : option_table()) names.push_back(candidate.name);
    const auto similar = nearest(key, names);
    return fail(ErrorCode::kUsage, fmt::format("unknown key \"{}\"{}", printable(key, 64),
                                               similar ? fmt::format("; did you mean \"{}\"?", *similar) : ""));
  }
  if (option->secret) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{0}\" does not belong into a configuration file: use {0}-file", option->name));
  }
  if ((option->sources & kFromConfig) == 0) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" can't be set in a configuration file", option->name));
  }
  return {};
}

Result<std::vector<std::string>> read_values(const OptionSpec& option, const YAML::Node& node) {
  std::vector<std::string> values;
  if (node.IsScalar()) {
    values.push_back(node.Scalar());
  } else if (node.IsSequence() && option.repeatable) {
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) return fail(ErrorCode::kUsage, "every item must be a single value");
      values.push_back(item.Scalar());
    }
    if (values.empty()) return fail(ErrorCode::kUsage, "the list is empty");
  } else if (node.IsSequence()) {
    return fail(ErrorCode::kUsage, "it takes one value, not a list");
  } else {
    return fail(ErrorCode::kUsage, node.IsNull() ? "it has no value" : "it takes a value, not a mapping");
  }
  for (const std::string& value : values) FL_CHECK(check_value(option, value));
  return values;
}

Result<std::vector<ConfigEntry>> read_mapping(const YAML::Node& document, const std::string& name) {
  std::vector<ConfigEntry> entries;
  if (document.IsNull()) return entries;
  if (!document.IsMap()) {
    return fail(Error(ErrorCode::kUsage, "the file must be a mapping of option names to values")
                    .with_context(at_line(name, document.Mark().line + 1)));
  }
  for (const auto& pair : document) {
    const int line = pair.first.Mark().line + 1;
    const auto here = [&](Error error) { return fail(std::move(error).with_context(at_line(name, line))); };
    if (!pair.first.IsScalar()) return here(Error(ErrorCode::kUsage, "a key must be the name of an option"));
    const std::string& key = pair.first.Scalar();
    if (auto known = check_key(key); !known) return here(std::move(known).error());
    if (std::ranges::find(entries, key, &ConfigEntry::name) != entries.end()) {
      return here(Error(ErrorCode::kUsage, fmt::format("\"{}\" is there twice", key)));
    }
    auto values = read_values(*find_option(key), pair.second);
    if (!values) return here(std::move(values).error().with_context(key));
    entries.push_back({.name = key, .values = *std::move(values), .line = line});
  }
  return entries;
}

}  // namespace

Result<std::vector<ConfigEntry>> parse_config(const std::string& text, const std::string& name) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return std::vector<ConfigEntry>();
    if (documents.size() > 1) {
      return fail(Error(ErrorCode::kUsage, "there is more than one YAML document in it").with_context(printable(name)));
    }
    return read_mapping(documents.front(), name);
  } catch (const YAML::Exception& error) {
    return fail(Error(ErrorCode::kUsage, printable(error.msg, 256)).with_context(at_line(name, error.mark.line + 1)));
  }
}

Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& path) {
  auto text = io::read_small_file(path, kMaxConfigBytes);
  if (!text) return fail(Error(ErrorCode::kUsage, text.error().describe()).with_context("configuration file"));
  return parse_config(*text, path.string());
}

}  // namespace freightliner::cli
