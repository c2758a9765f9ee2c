#include "cli/config_file.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <sstream>

#include "cli/config_yaml.h"
#include "cli/foreign_flags.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/option_table.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kMaxConfigBytes = kMiB;
/// Of the values with every alias written out; what a value takes beside its characters counts as some of them.
constexpr std::size_t kMaxExpandedBytes = 4 * kMiB;
constexpr std::size_t kBytesOfNode = 4;

bool is_known_here(const OptionSpec& option, const ConfigRules& rules) {
  return rules.commands == 0 || (option.commands & rules.commands) != 0;
}

Status check_key(const std::string& key, const ConfigRules& rules) {
  const OptionSpec* option = find_option(key);
  if (option == nullptr || !is_known_here(*option, rules)) {
    std::vector<std::string_view> names = rules.others;
    for (const OptionSpec& candidate : option_table()) {
      if (is_known_here(candidate, rules)) names.push_back(candidate.name);
    }
    const auto similar = nearest(key, names);
    return fail(ErrorCode::kUsage, fmt::format("unknown key \"{}\"{}", printable(key, 64),
                                               similar ? fmt::format("; did you mean \"{}\"?", *similar) : ""));
  }
  if (option->secret && rules.expand) return {};
  if (option->secret) {
    return fail(ErrorCode::kUsage,
                fmt::format("\"{0}\" does not belong into a configuration file: use {0}-file", option->name));
  }
  if ((option->sources & kFromConfig) == 0) {
    return fail(ErrorCode::kUsage, fmt::format("\"{}\" can't be set in a configuration file", option->name));
  }
  return {};
}

Result<std::vector<std::string>> read_values(const OptionSpec& option, const YAML::Node& node,
                                             const ConfigRules& rules) {
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
  for (std::string& value : values) {
    if (rules.expand) {
      FL_TRY(value, rules.expand(value, option.secret));
    }
    FL_CHECK(check_value(option, value));
  }
  return values;
}

/// Takes a parser's events for nothing.
class Ignored final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
};

Unexpected no_mapping(const YAML::Node& node, const std::string& file) {
  return fail(Error(ErrorCode::kUsage, "the file must be a mapping of option names to values")
                  .with_context(at_line(file, node.Mark().line + 1)));
}

}  // namespace

std::string at_line(const std::string& file, int line) {
  return fmt::format("{}:{}", printable(file), line);
}

// YAML::LoadAll() never ends where the parser meets what it can't begin a document with (a text that is ","): it takes
// that for an empty document, again and again. So two documents are asked for and no more.
Result<YAML::Node> load_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Ignored ignored;
  if (parser.HandleNextDocument(ignored) && parser.HandleNextDocument(ignored)) {
    return fail(ErrorCode::kUsage, "there is more than one YAML document in it, or something that is none");
  }
  return YAML::Load(text);
}

Status check_expanded_size(const YAML::Node& document) {
  struct Level {
    YAML::Node node;
    YAML::const_iterator next;
  };
  std::vector<Level> path;
  std::size_t bytes = 0;
  const auto enter = [&](const YAML::Node& node) -> Status {
    bytes += kBytesOfNode + (node.IsScalar() ? node.Scalar().size() : 0);
    if (bytes > kMaxExpandedBytes) {
      return fail(ErrorCode::kUsage, fmt::format("with its aliases (*name) written out it is larger than {}",
                                                 format_bytes(kMaxExpandedBytes)));
    }
    if (!node.IsSequence() && !node.IsMap()) return {};
    if (std::ranges::any_of(path, [&](const Level& level) { return level.node.is(node); })) {
      return fail(ErrorCode::kUsage, "an alias (*name) stands inside of what it names");
    }
    path.push_back({node, node.begin()});
    return {};
  };
  FL_CHECK(enter(document));
  while (!path.empty()) {
    Level& level = path.back();
    if (level.next == level.node.end()) {
      path.pop_back();
      continue;
    }
    const auto item = *level.next;
    ++level.next;
    // Keys that are more than a scalar are refused wherever keys are read.
    const YAML::Node& value = level.node.IsMap() ? item.second : item;
    FL_CHECK(enter(value));
  }
  return {};
}

Result<std::vector<ConfigEntry>> read_option_mapping(const YAML::Node& mapping, const std::string& file,
                                                     const ConfigRules& rules) {
  std::vector<ConfigEntry> entries;
  if (mapping.IsNull()) return entries;
  if (!mapping.IsMap()) return no_mapping(mapping, file);
  std::vector<std::string> seen;
  for (const auto& pair : mapping) {
    const int line = pair.first.Mark().line + 1;
    const auto here = [&](Error error) { return fail(std::move(error).with_context(at_line(file, line))); };
    if (!pair.first.IsScalar()) return here(Error(ErrorCode::kUsage, "a key must be the name of an option"));
    const std::string& key = pair.first.Scalar();
    const bool is_other = std::ranges::find(rules.others, key) != rules.others.end();
    if (!is_other) {
      if (auto known = check_key(key, rules); !known) return here(std::move(known).error());
    }
    if (std::ranges::find(seen, key) != seen.end()) {
      return here(Error(ErrorCode::kUsage, fmt::format("\"{}\" is there twice", key)));
    }
    seen.push_back(key);
    if (is_other) continue;
    auto values = read_values(*find_option(key), pair.second, rules);
    if (!values) return here(std::move(values).error().with_context(key));
    entries.push_back({.name = key, .values = *std::move(values), .line = line});
  }
  return entries;
}

Result<std::vector<ConfigEntry>> parse_config(const std::string& text, const std::string& name) {
  return with_yaml_document(
      text, name, [&](const YAML::Node& document) { return read_option_mapping(document, name, ConfigRules()); });
}

Result<std::string> read_config_text(const std::filesystem::path& path) {
  auto text = io::read_small_file(path, kMaxConfigBytes);
  if (!text) return fail(Error(ErrorCode::kUsage, text.error().describe()).with_context("configuration file"));
  return text;
}

Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& path) {
  FL_TRY(const std::string text, read_config_text(path));
  return parse_config(text, path.string());
}

}  // namespace freightliner::cli
