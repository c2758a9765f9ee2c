#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/run_request.h"
#include "freightliner/replicate/pattern_cache.h"
#include "freightliner/replicate/tree_replicator.h"
#include "freightliner/transport/image_tree.h"

namespace freightliner::cli {

/// All that a run over two trees needs to know, checked. A value type; holds passwords.
struct TreeRequest : RunRequest {
  transport::TreeName source = {};
  transport::TreeName destination = {};
  replicate::TreeOptions options = {};
  std::filesystem::path checkpoint = {};  ///< empty: none
  Duration checkpoint_ttl{0};
  std::filesystem::path lock = {};
  Duration lock_wait{0};
  bool deep = false;  ///< of a check
  /// Everything that decides what is selected, in one canonical text: a checkpoint is bound to it.
  std::string selection_text = {};
  replicate::PatternCache::Statistics patterns = {};  ///< what its patterns took from the cache
};

/// What the request of a tree is made from.
struct TreeRequestInput {
  CommandId command;
  const Settings& settings;
  const std::vector<std::string>& operands;
  const EnvironmentLookup& environment;
  int standard_input;
};

/// Checks everything that can be checked without a network; reads --repos-file and --retry-failed-from, and
/// `standard_input` where repositories or a password come from there. Errors: kUsage; those of reading the files.
Result<TreeRequest> make_tree_request(const TreeRequestInput& input, replicate::PatternCache& patterns,
                                      std::chrono::system_clock::time_point now);

/// The filter that the include and exclude options for a kind of name make. Errors: kUsage, naming where it was set.
Result<replicate::NameFilter> read_name_filter(const Settings& settings, replicate::PatternCache& patterns,
                                               replicate::NameKind kind);

/// "30d", "2026-01-31", "2026-01-31T12:00:00Z": the moment that is meant. Errors: kUsage.
Result<std::chrono::system_clock::time_point> parse_newer_than(const std::string& text,
                                                               std::chrono::system_clock::time_point now);
/// "25", "10%". Errors: kUsage.
Result<replicate::DeleteLimit> parse_delete_limit(const std::string& text);

}  // namespace freightliner::cli
