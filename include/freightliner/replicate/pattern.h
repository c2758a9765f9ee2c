#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "freightliner/base/result.h"

namespace freightliner::replicate {

/// What a pattern is matched against: in repository names `*`, `?` and classes stop at '/', and `**` crosses it.
enum class NameKind { kRepository, kTag };

/// How a pattern is matched, cheapest first. kGlob: piece by piece, where no single string operation decides. kRegex:
/// by RE2, which is also for globs that the pieces can't do.
enum class PatternTier { kAny, kExact, kPrefix, kSuffix, kContains, kGlob, kRegex, kVersionRange };
inline constexpr std::size_t kPatternTiers = 8;
/// "any", "exact", "prefix", "suffix", "contains", "glob", "regex", "version range".
std::string_view to_string(PatternTier tier) noexcept;

/// Patterns are short: tags have at most 128 characters, repository names 255.
inline constexpr std::size_t kMaxPattern = 1024;

/// One pattern of the dialect of docs/FILTERS.md, compiled: a glob (`*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, `\` escapes),
/// `re:REGEX` (RE2 syntax, anchored) or `semver:RANGE`. Names are bytes, compared case-sensitively. Immutable, safe
/// from any thread; matches() takes time linear in the name and allocates nothing (where RE2 does the work: once it has
/// seen names of the same shape, since it builds its automaton as it goes).
class Pattern {
 public:
  /// Errors: kUsage, with the position of what is wrong (from 1) and what RE2 says where it refuses an expression.
  static Result<std::shared_ptr<const Pattern>> compile(std::string_view text, NameKind kind);
  virtual ~Pattern() = default;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  const std::string& text() const noexcept { return text_; }
  PatternTier tier() const noexcept { return tier_; }
  virtual bool matches(std::string_view name) const noexcept = 0;
  /// The one name that a pattern of the tier kExact matches, without escapes; empty for other tiers.
  virtual std::string_view exact_name() const noexcept { return {}; }

 protected:
  Pattern(std::string text, PatternTier tier) : text_(std::move(text)), tier_(tier) {}

 private:
  std::string text_;
  PatternTier tier_;
};

}  // namespace freightliner::replicate
