#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"

namespace freightliner::replicate {

struct RepositoryPair {
  std::string source;
  std::string destination;

  bool operator==(const RepositoryPair&) const = default;
};

/// Which name a repository has at the destination. What stands below the source's prefix goes below the destination's;
/// `--map FROM=TO` renames on the way: FROM and TO are names relative to the prefixes, each with at most one `*`, which
/// stands for any text (also none, also with '/'), and the first rule that matches counts. The repository that has the
/// prefix itself as its name gets the destination's prefix as its name or, where there is none, the last component of
/// its own; no rule applies to it. Immutable.
class RepositoryMap {
 public:
  /// Every name stays as it is.
  RepositoryMap() = default;
  /// The prefixes are repository names or empty. Errors: kUsage for a rule that is not FROM=TO, has a `*` on one side
  /// only or more than one on a side, or a side that no repository name can fit.
  static Result<RepositoryMap> create(std::string source_prefix, std::string destination_prefix,
                                      const std::vector<std::string>& rules);

  /// Errors: kUsage where `source` is not at or below the source's prefix, or the result is no repository name.
  Result<std::string> destination_of(const std::string& source) const;
  /// The other way; nullopt for what is not at or below the destination's prefix, for the one name that two sources
  /// could have given, and always where there are rules, which need not be reversible.
  std::optional<std::string> source_of(const std::string& destination) const;
  /// All at once, in the order of `sources`, each once. Errors: kUsage where two sources would get one name, naming all
  /// three; those of destination_of().
  Result<std::vector<RepositoryPair>> map(const std::vector<std::string>& sources) const;

 private:
  struct Rule {
    std::string from_before, from_after, to_before, to_after;
    bool wildcard = false;

    /// nullopt where the rule does not match; without a wildcard the names are the parts before it.
    std::optional<std::string> renamed(std::string_view name) const;
  };

  std::string source_prefix_;
  std::string destination_prefix_;
  std::vector<Rule> rules_;
};

}  // namespace freightliner::replicate
