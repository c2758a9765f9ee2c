#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "freightliner/base/text.h"
#include "freightliner/replicate/version.h"
#include "replicate/pattern_fault.h"
#include "replicate/version_text.h"

namespace freightliner::replicate {
namespace {

using Comparator = VersionRange::Comparator;
using Operator = Comparator::Operator;
using Comparators = std::vector<Comparator>;

/// A version of which the end may be open: "1.2.x" and "1.2" have two numbers, "*" has none.
struct Partial {
  std::array<std::uint64_t, 3> numbers{};
  std::size_t count = 0;
  std::string_view prerelease = {};

  bool complete() const noexcept { return count == numbers.size(); }
  Version lowest() const noexcept { return {numbers[0], numbers[1], numbers[2], prerelease}; }
  /// The first version in which the number at `place` is higher.
  Version next(std::size_t place) const noexcept {
    std::array<std::uint64_t, 3> result{};
    std::copy_n(numbers.begin(), place, result.begin());
    result[place] = numbers[place] + 1;
    return {result[0], result[1], result[2]};
  }
};

/// Below all of a version's pre-releases: "0" is the lowest of them.
Comparator before(Version version) noexcept {
  version.prerelease = "0";
  return {Operator::kLess, version};
}

constexpr Comparator kEverything = {Operator::kGreaterEqual, Version{}};

// The rules are those of node-semver's README, "Advanced Range Syntax".

Comparators from_to(const Partial& first, const Partial& last) {
  Comparators result = {{Operator::kGreaterEqual, first.lowest()}};
  if (last.complete()) {
    result.push_back({Operator::kLessEqual, last.lowest()});
  } else if (last.count > 0) {
    result.push_back(before(last.next(last.count - 1)));
  }
  return result;
}

Comparators compared(std::string_view op, const Partial& partial) {
  if (partial.complete()) {
    if (op == "<") return {{Operator::kLess, partial.lowest()}};
    if (op == "<=") return {{Operator::kLessEqual, partial.lowest()}};
    if (op == ">") return {{Operator::kGreater, partial.lowest()}};
    if (op == ">=") return {{Operator::kGreaterEqual, partial.lowest()}};
    return {{Operator::kEqual, partial.lowest()}};
  }
  if (partial.count == 0) {
    if (op == "<" || op == ">") return {before(Version{})};  // nothing is above or below all versions
    return {kEverything};
  }
  if (op == "<") return {before(partial.lowest())};
  if (op == ">=") return {{Operator::kGreaterEqual, partial.lowest()}};
  const Version next = partial.next(partial.count - 1);
  if (op == "<=") return {before(next)};
  if (op == ">") return {{Operator::kGreaterEqual, next}};
  return from_to(partial, partial);
}

/// "~1.2.3": the patch number may rise, or the minor number where "~1" names no other.
Comparators tilde(const Partial& partial) {
  if (partial.count == 0) return {kEverything};
  return {{Operator::kGreaterEqual, partial.lowest()}, before(partial.next(partial.count == 1 ? 0 : 1))};
}

/// "^1.2.3": everything may rise right of the first number that is not 0.
Comparators caret(const Partial& partial) {
  if (partial.count == 0) return {kEverything};
  std::size_t place = 0;
  while (place + 1 < partial.count && partial.numbers[place] == 0) ++place;
  return {{Operator::kGreaterEqual, partial.lowest()}, before(partial.next(place))};
}

class RangeParser {
 public:
  /// `text` is `whole` without its first `start` bytes.
  RangeParser(std::string_view whole, std::size_t start) : whole_(whole), rest_(whole.substr(start)) {}

  Result<std::vector<Comparators>> parse() {
    std::vector<Comparators> alternatives;
    do {
      FL_TRY(auto alternative, parse_alternative());
      alternatives.push_back(std::move(alternative));
    } while (take("||"));
    return alternatives;
  }

 private:
  Unexpected fault(std::string_view what) const { return pattern_fault(whole_, whole_.size() - rest_.size(), what); }
  /// For what stands at the current place and should not.
  Unexpected unexpected(std::string_view wanted) const {
    if (rest_.empty()) return fault(fmt::format("{} is missing", wanted));
    return fault(fmt::format("\"{}\" where {} should be", printable(rest_.substr(0, 1)), wanted));
  }

  bool take(std::string_view text) noexcept {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  void skip(std::string_view bytes) noexcept {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(bytes), rest_.size()));
  }
  bool at_separator() const noexcept {
    return rest_.empty() || std::string_view(" ,|").find(rest_.front()) != rest_.npos;
  }

  Result<Comparators> parse_alternative() {
    Comparators result;
    skip(" ,");
    do {
      FL_TRY(const auto comparators, parse_simple());
      result.insert(result.end(), comparators.begin(), comparators.end());
      if (!at_separator()) return unexpected("a blank");
      skip(" ,");
    } while (!rest_.empty() && !rest_.starts_with("||"));
    return result;
  }

  /// An operator with a version, a version, or two with a hyphen between them.
  Result<Comparators> parse_simple() {
    std::string_view op;
    for (const std::string_view candidate : {">=", "<=", ">", "<", "=", "~>", "~", "^"}) {
      if (op.empty() && take(candidate)) op = candidate;
    }
    skip(" ");
    FL_TRY(const Partial partial, parse_partial());
    if (op.starts_with('~')) return tilde(partial);
    if (op == "^") return caret(partial);
    if (!op.empty()) return compared(op, partial);

    const std::string_view after = rest_;
    skip(" ");
    if (rest_.size() < after.size() && take("- ")) {
      skip(" ");
      FL_TRY(const Partial last, parse_partial());
      return from_to(partial, last);
    }
    rest_ = after;
    return compared("=", partial);
  }

  Result<Partial> parse_partial() {
    constexpr std::string_view kNumber = "a version number or x";
    Partial result;
    take_byte(rest_, 'v');
    bool open = false;
    for (std::size_t place = 0; place < result.numbers.size(); ++place) {
      if (place > 0 && !take_byte(rest_, '.')) break;
      if (take_byte(rest_, 'x') || take_byte(rest_, 'X') || take_byte(rest_, '*')) {
        open = true;
        continue;
      }
      if (open) return unexpected("x (a number can't follow an open place)");
      const auto number = take_number(rest_);
      if (!number) return unexpected(kNumber);
      result.numbers[place] = *number;
      result.count = place + 1;
    }
    if (!open && take_byte(rest_, '-')) {
      const auto prerelease = take_identifiers(rest_);
      if (!prerelease) return unexpected("a pre-release such as rc.1");
      result.prerelease = *prerelease;
      result.count = result.numbers.size();
    }
    if (!open && take_byte(rest_, '+') && !take_identifiers(rest_)) return unexpected("build metadata");
    return result;
  }

  std::string_view whole_;
  std::string_view rest_;
};

bool holds(const Comparator& comparator, const Version& version) noexcept {
  const auto order = version <=> comparator.version;
  switch (comparator.op) {
    case Operator::kLess:
      return order < 0;
    case Operator::kLessEqual:
      return order <= 0;
    case Operator::kGreater:
      return order > 0;
    case Operator::kGreaterEqual:
      return order >= 0;
    case Operator::kEqual:
      return order == 0;
  }
  return false;
}

bool names_prerelease_of(const Comparator& comparator, const Version& version) noexcept {
  const Version& named = comparator.version;
  return !named.prerelease.empty() && named.major == version.major && named.minor == version.minor &&
         named.patch == version.patch;
}

}  // namespace

Result<VersionRange> VersionRange::parse(std::string_view text, std::string_view prefix) {
  VersionRange range;
  range.text_ = std::make_shared<const std::string>(fmt::format("{}{}", prefix, text));
  FL_TRY(range.alternatives_, RangeParser(*range.text_, prefix.size()).parse());
  return range;
}

bool VersionRange::contains(const Version& version) const noexcept {
  return std::ranges::any_of(alternatives_, [&version](const Comparators& comparators) {
    if (!std::ranges::all_of(comparators, [&](const Comparator& comparator) { return holds(comparator, version); })) {
      return false;
    }
    return version.prerelease.empty() || std::ranges::any_of(comparators, [&](const Comparator& comparator) {
             return names_prerelease_of(comparator, version);
           });
  });
}

}  // namespace freightliner::replicate
