#include "cli/config_file.h"

#include <set>

#include "cli/sync_file.h"
#include "freightliner/cli/option_table.h"
#include "fuzz_target.h"

using namespace freightliner;

namespace {

void check_entries(const std::vector<cli::ConfigEntry>& entries, bool may_be_secret) {
  std::set<std::string> names;
  for (const cli::ConfigEntry& entry : entries) {
    const cli::OptionSpec* const option = cli::find_option(entry.name);
    fuzz::require(option != nullptr, "a key is an option");
    fuzz::require(may_be_secret || !option->secret, "no secret stands in a file");
    fuzz::require(names.insert(entry.name).second, "no key is there twice");
    fuzz::require(!entry.values.empty() && (entry.values.size() == 1 || option->repeatable),
                  "an option has its values");
    for (const std::string& value : entry.values) {
      fuzz::require(cli::check_value(*option, value).has_value(), "each value was checked");
    }
    fuzz::require(entry.line > 0, "an entry has a line");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto config = cli::parse_config(text, "run.yaml");
  if (config) {
    check_entries(*config, false);
  } else {
    fuzz::require(config.error().code() == ErrorCode::kUsage, "no input is our fault");
    fuzz::require(fuzz::is_harmless(config.error().describe()), "an error shows no control characters");
  }
  const cli::EnvironmentLookup environment = [](const char* name) -> std::optional<std::string> {
    if (std::string_view(name) == "CANARY") return "canary-value";
    return std::nullopt;
  };
  const auto sync = cli::parse_sync_file(text, "sync.yaml", environment);
  if (!sync) {
    fuzz::require(sync.error().code() == ErrorCode::kUsage, "no input is our fault");
    fuzz::require(fuzz::is_harmless(sync.error().describe()), "an error shows no control characters");
    return 0;
  }
  check_entries(sync->defaults, true);
  std::set<std::string> names;
  fuzz::require(!sync->jobs.empty(), "there is a job");
  for (const cli::SyncJob& job : sync->jobs) {
    check_entries(job.entries, true);
    fuzz::require(names.insert(job.name).second, "no job is there twice");
    fuzz::require(!job.source.empty() && !job.destination.empty(), "a job has two sides");
  }
  return 0;
}
