#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string_view>

namespace freightliner::fuzz {

/// Globs as docs/FILTERS.md describes them, matched by following every way through the pattern. It shares no code with
/// the matchers of the program and is as slow as it is simple. For patterns that are well-formed.
class SlowGlob {
 public:
  SlowGlob(std::string_view pattern, bool slash_is_special) : pattern_(pattern), special_(slash_is_special) {}

  /// nullopt where it would take too many steps.
  std::optional<bool> matches(std::string_view name) {
    name_ = name;
    steps_ = 0;
    std::size_t at = 0;
    const std::set<std::size_t> ends = sequence(at, {0});
    if (steps_ > kMostSteps) return std::nullopt;
    return ends.contains(name.size());
  }

 private:
  using Ends = std::set<std::size_t>;
  static constexpr std::size_t kMostSteps = 200'000;

  /// From `at` up to the end, or the "," or "}" that closes this level: where in the name it may end.
  Ends sequence(std::size_t& at, Ends ends, int depth = 0) {
    while (at < pattern_.size() && steps_ <= kMostSteps) {
      const char c = pattern_[at];
      if (depth > 0 && (c == ',' || c == '}')) break;
      if (c == '{') {
        ends = group(at, ends, depth);
      } else if (c == '*') {
        std::size_t stars = 0;
        for (; at < pattern_.size() && pattern_[at] == '*'; ++at) ++stars;
        ends = star(ends, special_ && stars == 1);
      } else {
        ends = one_byte(at, ends);
      }
    }
    return ends;
  }

  Ends group(std::size_t& at, const Ends& starts, int depth) {
    Ends all;
    do {
      ++at;
      all.merge(sequence(at, starts, depth + 1));
    } while (at < pattern_.size() && pattern_[at] == ',');
    ++at;
    return all;
  }

  Ends star(const Ends& starts, bool stops) {
    Ends ends;
    for (std::size_t end : starts) {
      for (; ends.insert(end).second; ++end) {
        ++steps_;
        if (end == name_.size() || (stops && name_[end] == '/')) break;
      }
    }
    return ends;
  }

  Ends one_byte(std::size_t& at, const Ends& starts) {
    const std::size_t begin = at;
    at = end_of_item(begin);
    Ends ends;
    for (const std::size_t start : starts) {
      ++steps_;
      if (start < name_.size() && accepts(begin, name_[start])) ends.insert(start + 1);
    }
    return ends;
  }

  std::size_t end_of_item(std::size_t at) const {
    if (pattern_[at] == '\\') return at + 2;
    if (pattern_[at] != '[') return at + 1;
    for (++at; pattern_[at] != ']'; ++at) {
      if (pattern_[at] == '\\') ++at;
    }
    return at + 1;
  }

  bool accepts(std::size_t at, char c) const {
    if (pattern_[at] == '\\') return pattern_[at + 1] == c;
    if (pattern_[at] == '?') return !special_ || c != '/';
    if (pattern_[at] != '[') return pattern_[at] == c;
    if (special_ && c == '/') return false;
    ++at;
    const bool negated = pattern_[at] == '!' || pattern_[at] == '^';
    if (negated) ++at;
    bool found = false;
    while (pattern_[at] != ']') {
      const auto low = class_byte(at);
      auto high = low;
      if (pattern_[at] == '-' && pattern_[at + 1] != ']') high = class_byte(++at);
      const auto value = static_cast<unsigned char>(c);
      found = found || (low <= value && value <= high);
    }
    return found != negated;
  }

  unsigned char class_byte(std::size_t& at) const {
    if (pattern_[at] == '\\') ++at;
    return static_cast<unsigned char>(pattern_[at++]);
  }

  std::string_view pattern_;
  bool special_;
  std::string_view name_;
  std::size_t steps_ = 0;
};

}  // namespace freightliner::fuzz
