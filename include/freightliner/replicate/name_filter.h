#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/replicate/pattern_cache.h"

namespace freightliner::replicate {

/// A list of patterns of which the first in the cheapest tier that matches counts: all exact names are one look-up in a
/// hash table, whatever their number. Copies share the patterns. Immutable; safe from any thread.
class PatternList {
 public:
  PatternList();  ///< without patterns: nothing matches
  /// Errors: as Pattern::compile(), with the pattern named.
  static Result<PatternList> create(PatternCache& cache, NameKind kind, const std::vector<std::string>& patterns);

  bool empty() const noexcept;
  /// The pattern that matches, which lives as long as a list that has it; nullptr where none does. Allocates nothing.
  const Pattern* find(std::string_view name) const noexcept;

 private:
  class Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Why a name is in or out.
struct Decision {
  enum class Why {
    kNoInclude,    ///< selected: there is no include pattern, and no exclude pattern matches
    kIncluded,     ///< selected by `pattern`
    kExcluded,     ///< out because of `pattern`; an exclude pattern beats every include pattern
    kNotIncluded,  ///< out: there are include patterns, and none matches
  };
  Why why = Why::kNoInclude;
  const Pattern* pattern = nullptr;

  bool selected() const noexcept { return why == Why::kNoInclude || why == Why::kIncluded; }
};

/// How many decisions a pattern of each tier has made, by PatternTier; the last place: decisions without a pattern.
using DecisionCounts = std::array<std::uint64_t, kPatternTiers + 1>;

/// Include and exclude patterns for one kind of name. Safe from any thread. Counts which tier decided, for reports, in
/// counters that few threads share; copies share patterns and counts.
class NameFilter {
 public:
  NameFilter();  ///< without patterns: every name is selected
  NameFilter(PatternList include, PatternList exclude);

  /// Allocates nothing.
  Decision decide(std::string_view name) const noexcept;
  DecisionCounts decided_by_tier() const;

 private:
  class Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace freightliner::replicate
