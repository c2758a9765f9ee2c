// Random patterns against matchers that share no code with ours: fnmatch(3), and RE2 on an expression that is made
// along with the glob, not from it.

#include <fmt/format.h>
#include <fnmatch.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <string_view>

#include "freightliner/base/text.h"
#include "freightliner/replicate/pattern.h"

namespace freightliner::replicate {
namespace {

constexpr unsigned kSeed = 20'240'229;
// Few bytes, so that patterns and names meet; a newline, a byte that is not ASCII, and what the dialect is made of.
constexpr std::string_view kBytes = "aaabbbcAB012.-_//\n\xe9*[{,";

struct RandomGlob {
  std::string glob;
  std::string expression;  ///< the same for RE2
  std::string sample;      ///< a name that often matches
};

class GlobGenerator {
 public:
  GlobGenerator(NameKind kind, bool everything) : kind_(kind), everything_(everything) {}

  RandomGlob glob() { return sequence(1 + below(6), 0); }

  std::string name() {
    std::string result;
    for (std::size_t i = below(9); i > 0; --i) result += byte();
    return result;
  }
  /// `sample`, often with one byte changed, added or missing.
  std::string near(std::string sample) {
    const std::size_t place = below(sample.size() + 1);
    switch (below(5)) {
      case 0:
        return sample.insert(place, 1, byte());
      case 1:
        return sample.erase(std::min(place, sample.size()), 1);
      case 2:
        if (place < sample.size()) sample[place] = byte();
        return sample;
      default:
        return sample;
    }
  }
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  char byte() { return kBytes[below(kBytes.size())]; }
  bool in_components() const { return kind_ == NameKind::kRepository; }

  RandomGlob sequence(std::size_t length, int depth) {
    RandomGlob result;
    bool after_star = false;
    for (; length > 0; --length) {
      const std::size_t kind = below(everything_ && depth < 3 ? 10 : 9);
      const bool star = kind == 6 || kind == 7;
      if (star && after_star) continue;  // "*" and "*" would be "**"
      const RandomGlob part = kind < 4    ? literal()
                              : kind == 4 ? any_byte()
                              : kind == 5 ? a_class()
                              : star      ? stars()
                              : kind == 8 ? literal()
                                          : group(depth);
      after_star = star;
      result.glob += part.glob;
      result.expression += part.expression;
      result.sample += part.sample;
    }
    return result;
  }

  RandomGlob literal() {
    const char c = byte();
    const bool special = std::string_view("*?[]{},\\").find(c) != std::string_view::npos;
    // fnmatch of glibc takes "*\/" for something else than "*/".
    const bool escaped = special || (below(8) == 0 && (everything_ || c != '/'));
    const std::string glob = escaped ? "\\" : "";
    return {glob + c, fmt::format("\\x{:02x}", static_cast<unsigned char>(c)), std::string(1, c)};
  }

  RandomGlob any_byte() { return {"?", in_components() ? "[^/]" : "(?s:.)", std::string(1, byte())}; }

  RandomGlob a_class() {
    constexpr std::string_view kItems[] = {"a-b", "b", "0-1", "-", ".", "A-Z", "c", "\xe0-\xef"};
    std::string items;
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      const std::string_view item = kItems[below(std::size(kItems))];
      if (item == "-") {
        items.insert(0, items.starts_with('-') ? "" : "-");
      } else {
        items += item;
      }
    }
    if (items == "-") items += "a";
    const bool negated = below(3) == 0;
    std::string expression = "[" + std::string(negated ? "^" : "");
    if (items.starts_with('-')) expression += "\\-" + items.substr(1);
    if (!items.starts_with('-')) expression += items;
    if (negated && in_components()) expression += "/";
    return {(negated ? "[!" : "[") + items + "]", expression + "]", std::string(1, byte())};
  }

  RandomGlob stars() {
    std::string sample;
    for (std::size_t i = below(4); i > 0; --i) sample += byte();
    if (!in_components()) return {"*", "(?s:.)*", sample};
    if (everything_ && below(2) == 0) return {"**", "(?s:.)*", sample};
    return {"*", "[^/]*", sample};
  }

  RandomGlob group(int depth) {
    RandomGlob result = {"{", "(?:", ""};
    const std::size_t count = 1 + below(4);
    for (std::size_t i = 0; i < count; ++i) {
      const RandomGlob alternative = sequence(i == 0 && count == 1 ? 1 : below(3), depth + 1);
      result.glob += (i == 0 ? "" : ",") + alternative.glob;
      result.expression += (i == 0 ? "" : "|") + alternative.expression;
      if (i == 0 || below(2) == 0) result.sample = alternative.sample;
    }
    return {result.glob + "}", result.expression + ")", result.sample};
  }

  NameKind kind_;
  bool everything_;
  std::mt19937 random_{kSeed};
};

/// Compares on random patterns and names with `reference(glob, name)`; enough of them must match, and enough must not.
template <class Reference>
void expect_same(NameKind kind, bool everything, int patterns, Reference&& reference) {
  constexpr int kNames = 12;
  GlobGenerator generator(kind, everything);
  int compared = 0;
  int matched = 0;
  for (int i = 0; i < patterns; ++i) {
    const RandomGlob glob = generator.glob();
    if (glob.glob.empty() || glob.glob.starts_with("re:") || glob.glob.find("{}") != std::string::npos) continue;
    const auto pattern = Pattern::compile(glob.glob, kind);
    ASSERT_TRUE(pattern) << pattern.error().describe();
    const auto expected = reference(glob);
    for (int k = 0; k < kNames; ++k) {
      const std::string name = k % 3 == 0 ? generator.name() : generator.near(glob.sample);
      const bool matches = (*pattern)->matches(name);
      ASSERT_EQ(matches, expected(name)) << printable(glob.glob) << " as " << glob.expression << " : "
                                         << printable(name);
      ++compared;
      matched += matches ? 1 : 0;
    }
  }
  EXPECT_GT(matched, compared / 8);
  EXPECT_LT(matched, compared - compared / 8);
}

TEST(PatternPropertyTest, AgreesWithFnmatch) {
  for (const NameKind kind : {NameKind::kTag, NameKind::kRepository}) {
    expect_same(kind, false, 20'000, [kind](const RandomGlob& glob) {
      return [text = glob.glob, kind](const std::string& name) {
        return fnmatch(text.c_str(), name.c_str(), kind == NameKind::kRepository ? FNM_PATHNAME : 0) == 0;
      };
    });
  }
}

TEST(PatternPropertyTest, AgreesWithRe2) {
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  for (const NameKind kind : {NameKind::kTag, NameKind::kRepository}) {
    expect_same(kind, true, 10'000, [&options](const RandomGlob& glob) {
      const auto expression = std::make_shared<RE2>(glob.expression, options);
      EXPECT_TRUE(expression->ok()) << glob.expression;
      return [expression](const std::string& name) { return RE2::FullMatch(name, *expression); };
    });
  }
}

/// Any bytes at all: a pattern either compiles and matches without a fault, or is refused with a position inside it.
TEST(PatternPropertyTest, SurvivesAnyPattern) {
  constexpr std::string_view kSyntax = "**?[]!^-{},\\a1./:re:semver:>=~x|() \n\xff";
  std::mt19937 random(kSeed);
  int refused = 0;
  constexpr int kPatterns = 50'000;
  for (int i = 0; i < kPatterns; ++i) {
    std::string text = i % 4 == 0 ? "re:" : i % 4 == 1 ? "semver:" : "";
    for (auto length = random() % 10; length > 0; --length) text += kSyntax[random() % kSyntax.size()];
    const auto pattern = Pattern::compile(text, i % 2 == 0 ? NameKind::kTag : NameKind::kRepository);
    if (pattern) {
      for (const std::string_view name : {"", "a", "1.1", "a/a", "\xff\n"}) (*pattern)->matches(name);
      continue;
    }
    ++refused;
    const std::string& message = pattern.error().message();
    const auto place = message.find("\", position ");
    ASSERT_NE(place, std::string::npos) << message;
    const auto position = std::stoul(message.substr(place + std::string_view("\", position ").size()));
    EXPECT_GE(position, 1U) << message;
    EXPECT_LE(position, text.size() + 1) << message;
  }
  EXPECT_GT(refused, kPatterns / 10);
  EXPECT_LT(refused, kPatterns);
}

}  // namespace
}  // namespace freightliner::replicate
