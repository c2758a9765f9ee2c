#include "freightliner/replicate/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "freightliner/replicate/version.h"
#include "replicate/glob.h"
#include "replicate/glob_matcher.h"
#include "replicate/pattern_fault.h"
#include "replicate/regex.h"

namespace freightliner::replicate {
namespace {

using Kind = GlobToken::Kind;
using PatternPointer = std::shared_ptr<const Pattern>;

constexpr std::string_view kRegexPrefix = "re:";
constexpr std::string_view kVersionPrefix = "semver:";
// Beyond this many alternatives one automaton is faster than one comparison after the other.
constexpr std::size_t kMaxAlternatives = 16;

/// The tiers that a single string operation decides.
class LiteralPattern final : public Pattern {
 public:
  /// With `stops_at_slash` the text that a star stands for must not hold a '/'; the literal of a kContains pattern must
  /// not either then.
  LiteralPattern(std::string text, PatternTier tier, std::string literal, bool stops_at_slash)
      : Pattern(std::move(text), tier), literal_(std::move(literal)), stops_at_slash_(stops_at_slash) {
    if (const auto rare = literal_.find_first_not_of(kCommonBytes); rare != std::string::npos) rare_ = rare;
  }

  bool matches(std::string_view name) const noexcept override {
    switch (tier()) {
      case PatternTier::kExact:
        return name == literal_;
      case PatternTier::kPrefix:
        return name.starts_with(literal_) && star_takes(name.substr(literal_.size()));
      case PatternTier::kSuffix:
        return name.ends_with(literal_) && star_takes(name.substr(0, name.size() - literal_.size()));
      case PatternTier::kContains:
        return is_in(name) && star_takes(name);
      default:
        return true;  // kAny
    }
  }
  std::string_view exact_name() const noexcept override {
    return tier() == PatternTier::kExact ? std::string_view(literal_) : std::string_view();
  }

 private:
  // What versions and commits are made of: a search for "alpine" that begins with its 'l' stops less often.
  static constexpr std::string_view kCommonBytes = "0123456789abcdef.-";

  bool is_in(std::string_view name) const noexcept {
    std::size_t place = name.find(literal_[rare_], rare_);
    for (; place != std::string_view::npos; place = name.find(literal_[rare_], place + 1)) {
      if (name.substr(place - rare_).starts_with(literal_)) return true;
    }
    return false;
  }
  bool star_takes(std::string_view text) const noexcept {
    return !stops_at_slash_ || text.find('/') == std::string_view::npos;
  }

  std::string literal_;
  std::size_t rare_ = 0;  // where the literal has its first byte that is not common
  bool stops_at_slash_;
};

/// `Matcher` has `bool matches(std::string_view) const noexcept`.
template <class Matcher>
class MatcherPattern final : public Pattern {
 public:
  MatcherPattern(std::string text, PatternTier tier, Matcher matcher)
      : Pattern(std::move(text), tier), matcher_(std::move(matcher)) {}

  bool matches(std::string_view name) const noexcept override { return matcher_.matches(name); }

 private:
  Matcher matcher_;
};

/// Braces with few alternatives.
struct AlternativesMatcher {
  std::vector<PatternPointer> alternatives;

  bool matches(std::string_view name) const noexcept {
    return std::ranges::any_of(alternatives, [name](const PatternPointer& pattern) { return pattern->matches(name); });
  }
};

class VersionPattern final : public Pattern {
 public:
  VersionPattern(std::string text, VersionRange range)
      : Pattern(std::move(text), PatternTier::kVersionRange), range_(std::move(range)) {}

  bool matches(std::string_view name) const noexcept override {
    const auto version = Version::parse(name);
    return version && range_.contains(*version);
  }

 private:
  VersionRange range_;
};

/// The tier of a sequence that is a literal with at most one star on each side; nullopt for all others.
std::optional<PatternTier> literal_tier(const GlobSequence& glob) {
  const auto is_literal = [&glob](std::size_t i) { return glob[i].kind == Kind::kLiteral; };
  const auto is_star = [&glob](std::size_t i, Kind kind) { return glob[i].kind == kind; };
  const bool free_star = !glob.empty() && is_star(0, Kind::kStar);
  const bool component_star = !glob.empty() && is_star(0, Kind::kComponentStar);
  switch (glob.size()) {
    case 0:
      return PatternTier::kExact;
    case 1:
      if (is_literal(0)) return PatternTier::kExact;
      if (free_star) return PatternTier::kAny;
      if (component_star) return PatternTier::kPrefix;  // after nothing
      return std::nullopt;
    case 2:
      if ((free_star || component_star) && is_literal(1)) return PatternTier::kSuffix;
      if (is_literal(0) && (is_star(1, Kind::kStar) || is_star(1, Kind::kComponentStar))) return PatternTier::kPrefix;
      return std::nullopt;
    case 3:
      if (!is_literal(1) || glob[0].kind != glob[2].kind) return std::nullopt;
      if (free_star) return PatternTier::kContains;
      if (component_star && glob[1].literal.find('/') == std::string::npos) return PatternTier::kContains;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// nullptr for what only RE2 can match.
PatternPointer compile_sequence(std::string_view text, const GlobSequence& glob) {
  if (const auto tier = literal_tier(glob)) {
    std::string literal;
    bool stops_at_slash = false;
    for (const GlobToken& token : glob) {
      if (token.kind == Kind::kLiteral) literal = token.literal;
      if (token.kind == Kind::kComponentStar) stops_at_slash = true;
    }
    return std::make_shared<LiteralPattern>(std::string(text), *tier, std::move(literal), stops_at_slash);
  }
  if (!GlobMatcher::can_match(glob)) return nullptr;
  return std::make_shared<MatcherPattern<GlobMatcher>>(std::string(text), PatternTier::kGlob, GlobMatcher(glob));
}

PatternPointer compile_alternatives(std::string_view text, const std::vector<GlobSequence>& globs) {
  AlternativesMatcher matcher;
  for (const GlobSequence& glob : globs) {
    matcher.alternatives.push_back(compile_sequence(text, glob));
    if (!matcher.alternatives.back()) return nullptr;
  }
  if (matcher.alternatives.size() == 1) return matcher.alternatives.front();
  return std::make_shared<MatcherPattern<AlternativesMatcher>>(std::string(text), PatternTier::kGlob,
                                                               std::move(matcher));
}

Result<PatternPointer> compile_regex(std::string_view text) {
  const std::string expression(text.substr(kRegexPrefix.size()));
  if (expression.empty()) return pattern_fault(text, kRegexPrefix.size(), "the regular expression is empty");
  Regex regex(expression);
  if (const auto fault = regex.fault()) return pattern_fault(text, kRegexPrefix.size() + fault->offset, fault->message);
  return std::make_shared<MatcherPattern<Regex>>(std::string(text), PatternTier::kRegex, std::move(regex));
}

Result<PatternPointer> compile_glob(std::string_view text, NameKind kind) {
  FL_TRY(const GlobSequence glob, parse_glob(text, kind));
  if (const auto sequences = expand_braces(glob, kMaxAlternatives)) {
    if (auto pattern = compile_alternatives(text, *sequences)) return pattern;
  }
  Regex regex(to_expression(glob));
  if (const auto fault = regex.fault()) return pattern_fault(text, 0, fault->message);
  return std::make_shared<MatcherPattern<Regex>>(std::string(text), PatternTier::kRegex, std::move(regex));
}

}  // namespace

std::string_view to_string(PatternTier tier) noexcept {
  switch (tier) {
    case PatternTier::kAny:
      return "any";
    case PatternTier::kExact:
      return "exact";
    case PatternTier::kPrefix:
      return "prefix";
    case PatternTier::kSuffix:
      return "suffix";
    case PatternTier::kContains:
      return "contains";
    case PatternTier::kGlob:
      return "glob";
    case PatternTier::kRegex:
      return "regex";
    case PatternTier::kVersionRange:
      return "version range";
  }
  return "unknown";
}

Result<PatternPointer> Pattern::compile(std::string_view text, NameKind kind) {
  if (text.size() > kMaxPattern) {
    return pattern_fault(text, kMaxPattern, fmt::format("a pattern has at most {} bytes", kMaxPattern));
  }
  if (text.starts_with(kRegexPrefix)) return compile_regex(text);
  if (text.starts_with(kVersionPrefix)) {
    FL_TRY(VersionRange range, VersionRange::parse(text.substr(kVersionPrefix.size()), kVersionPrefix));
    return std::make_shared<VersionPattern>(std::string(text), std::move(range));
  }
  return compile_glob(text, kind);
}

}  // namespace freightliner::replicate
