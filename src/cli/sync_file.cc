#include "cli/sync_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/config_yaml.h"
#include "freightliner/cli/option_table.h"

namespace freightliner::cli {
namespace {

constexpr std::array<std::string_view, 3> kTopKeys = {"version", "defaults", "jobs"};

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/// Puts environment variables in the place of their names.
class Expander {
 public:
  explicit Expander(const EnvironmentLookup& environment) : environment_(environment) {}

  Result<std::string> expand(const std::string& text, bool secret) const {
    std::string result;
    std::size_t at = 0;
    while (at < text.size()) {
      if (text.compare(at, 2, "$$") == 0) {
        result += '$';
        at += 2;
      } else if (text.compare(at, 2, "${") == 0) {
        const std::size_t end = text.find('}', at);
        const std::string name = text.substr(at + 2, end == std::string::npos ? end : end - at - 2);
        if (end == std::string::npos || name.empty() || !std::ranges::all_of(name, is_name_character)) {
          return fail(ErrorCode::kUsage, "\"${\" begins a ${NAME} that does not end: write $${ for the characters");
        }
        // Only the name stands in errors: the value may be a secret.
        const auto value = environment_(name.c_str());
        if (!value) return fail(ErrorCode::kUsage, fmt::format("the environment variable {} is not set", name));
        if (secret && (at != 0 || end + 1 != text.size())) return inline_secret();
        result += *value;
        at = end + 1;
      } else {
        if (secret) return inline_secret();
        result += text[at++];
      }
    }
    return result;
  }

 private:
  static Unexpected inline_secret() {
    return fail(ErrorCode::kUsage,
                "a password does not stand in the file: write ${NAME} for an environment variable, or use "
                "the option that reads it from a file");
  }
  const EnvironmentLookup& environment_;
};

bool is_of_the_run(const OptionSpec& option) {
  return option.group == OptionGroup::kOutput || option.name == "timeout";
}

class SyncFileReader {
 public:
  SyncFileReader(const std::string& path, const EnvironmentLookup& environment) : path_(path), expander_(environment) {}

  Result<SyncFile> read(const YAML::Node& document) const {
    SyncFile file;
    file.path = path_;
    FL_CHECK(check_top(document));
    if (const YAML::Node version = document["version"]; version && (!version.IsScalar() || version.Scalar() != "1")) {
      return fail(error(version, "this freightliner reads version 1"));
    }
    if (document["defaults"]) {
      FL_TRY(file.defaults, read_option_mapping(document["defaults"], path_, rules({})));
    }
    const YAML::Node jobs = document["jobs"];
    if (!jobs || !jobs.IsSequence() || jobs.size() == 0) {
      return fail(error(jobs ? jobs : document, "\"jobs\" must be a list with a job or more"));
    }
    for (const YAML::Node& node : jobs) {
      FL_TRY(SyncJob job, read_job(node, file.defaults));
      if (std::ranges::find(file.jobs, job.name, &SyncJob::name) != file.jobs.end()) {
        return fail(error(node, fmt::format("there are two jobs \"{}\"", printable(job.name, 64))));
      }
      file.jobs.push_back(std::move(job));
    }
    return file;
  }

 private:
  Error error(const YAML::Node& node, std::string message) const {
    return Error(ErrorCode::kUsage, std::move(message)).with_context(at_line(path_, node.Mark().line + 1));
  }

  ConfigRules rules(std::vector<std::string_view> others) const {
    return {.commands = kSyncCommand,
            .expand = [this](const std::string& value, bool secret) { return expander_.expand(value, secret); },
            .others = std::move(others)};
  }

  Status check_top(const YAML::Node& document) const {
    if (!document.IsMap()) {
      return fail(error(document, "the file must be a mapping with \"jobs\", and \"defaults\" where wanted"));
    }
    std::vector<std::string> seen;
    for (const auto& pair : document) {
      const std::string key = pair.first.IsScalar() ? pair.first.Scalar() : std::string();
      if (std::ranges::find(kTopKeys, key) == kTopKeys.end()) {
        return fail(error(
            pair.first, fmt::format("unknown key \"{}\": version, defaults and jobs stand here", printable(key, 64))));
      }
      if (std::ranges::find(seen, key) != seen.end()) {
        return fail(error(pair.first, fmt::format("\"{}\" is there twice", key)));
      }
      seen.push_back(key);
    }
    return {};
  }

  Result<std::string> read_text(const YAML::Node& job, const char* key) const {
    const YAML::Node node = job[key];
    if (!node || !node.IsScalar() || node.Scalar().empty()) {
      return fail(error(node ? node : job, fmt::format("a job needs \"{}\", a text", key)));
    }
    auto text = expander_.expand(node.Scalar(), false);
    if (!text)
      return fail(std::move(text).error().with_context(key).with_context(at_line(path_, node.Mark().line + 1)));
    return text;
  }

  Result<SyncJob> read_job(const YAML::Node& node, const std::vector<ConfigEntry>& defaults) const {
    if (!node.IsMap()) return fail(error(node, "a job must be a mapping with name, source and destination"));
    SyncJob job;
    FL_TRY(job.entries, read_option_mapping(node, path_, rules({"name", "source", "destination"})));
    for (const ConfigEntry& entry : job.entries) {
      if (!is_of_the_run(*find_option(entry.name))) continue;
      return fail(
          Error(ErrorCode::kUsage, fmt::format("\"{}\" is of the run as a whole: put it into defaults", entry.name))
              .with_context(at_line(path_, entry.line)));
    }
    FL_TRY(job.name, read_text(node, "name"));
    FL_TRY(job.source, read_text(node, "source"));
    FL_TRY(job.destination, read_text(node, "destination"));
    for (const ConfigEntry& entry : defaults) {
      if (std::ranges::find(job.entries, entry.name, &ConfigEntry::name) == job.entries.end())
        job.entries.push_back(entry);
    }
    return job;
  }

  std::string path_;
  Expander expander_;
};

}  // namespace

Result<SyncFile> parse_sync_file(const std::string& text, const std::string& path,
                                 const EnvironmentLookup& environment) {
  return with_yaml_document(
      text, path, [&](const YAML::Node& document) { return SyncFileReader(path, environment).read(document); });
}

}  // namespace freightliner::cli
