#include "freightliner/replicate/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "freightliner/replicate/pattern_cache.h"

namespace freightliner::replicate {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;

std::shared_ptr<const Pattern> compiled(const std::string& text, NameKind kind) {
  auto pattern = Pattern::compile(text, kind);
  EXPECT_TRUE(pattern) << (pattern ? "" : pattern.error().describe());
  return pattern ? *pattern : nullptr;
}

struct MatchRow {
  std::string pattern;
  std::vector<std::string> matching;
  std::vector<std::string> others;
};

void expect_rows(const std::vector<MatchRow>& rows, NameKind kind) {
  for (const MatchRow& row : rows) {
    const auto pattern = compiled(row.pattern, kind);
    ASSERT_NE(pattern, nullptr) << row.pattern;
    for (const std::string& name : row.matching) EXPECT_TRUE(pattern->matches(name)) << row.pattern << " : " << name;
    for (const std::string& name : row.others) EXPECT_FALSE(pattern->matches(name)) << row.pattern << " : " << name;
  }
}

TEST(PatternTest, MatchesTags) {
  expect_rows(
      {
          {"*", {"", "a", "v1.2.3", "a/b", "a\nb", "\xff\xfe"}, {}},
          {"**", {"", "a", "a/b"}, {}},
          {"***", {"", "a"}, {}},
          {"latest", {"latest"}, {"", "Latest", "latest ", "latest\n", "late", "xlatest"}},
          {"Latest", {"Latest"}, {"latest"}},
          {"v1.2", {"v1.2"}, {"v1x2", "v1.20"}},
          {"v*", {"v", "v1", "v1\n2", "vé"}, {"", "V1", "1v"}},
          {"*-alpine", {"-alpine", "3-alpine", "\xe9-alpine"}, {"alpine", "3-alpine3", "3-ALPINE"}},
          {"*rc*", {"rc", "1-rc1", "src"}, {"r", "r-c", "RC", ""}},
          {"v?", {"v1", "vx", "v\n", "v/"}, {"v", "v12", "1v"}},
          {"???", {"abc"}, {"ab", "abcd", ""}},
          {"v[0-9]*", {"v1", "v1.2", "v9-x"}, {"v", "va", "vx1", "v[0-9]"}},
          {"v[0-9].[0-9]", {"v1.2"}, {"v1.22", "v12", "va.2"}},
          {"[!v]*", {"1", "x"}, {"v1", "v", ""}},
          {"[^v]*", {"1", "x", "^"}, {"v1", "v", ""}},
          {"[v^]1", {"v1", "^1"}, {"x1"}},
          {"[a-cx-z]", {"a", "c", "y"}, {"d", "w", "", "ab", "-"}},
          {"[a-]", {"a", "-"}, {"b"}},
          {"[-a]", {"a", "-"}, {"b"}},
          {"[!-a]", {"b"}, {"a", "-"}},
          {"[a-c-e]", {"a", "b", "c", "-", "e"}, {"d"}},
          {"[\\]]", {"]"}, {"\\", ""}},
          {"[\\\\a]", {"\\", "a"}, {"]"}},
          {"[a\\-c]", {"a", "-", "c"}, {"b"}},
          {"[[]", {"["}, {"]"}},
          {"[{},*?]", {"{", "}", ",", "*", "?"}, {"a", ""}},
          {"[\x80-\xff]", {"\x80", "\xe9", "\xff"}, {"a", "\x7f", "é"}},
          {"[!a]", {"\n", "\xff", "b"}, {"a", "", "bb"}},
          {"[!a]"s, {"\0"s}, {}},
          {"{a,b}", {"a", "b"}, {"", "ab", "c", "{a,b}"}},
          {"v{1,2}.*", {"v1.0", "v2."}, {"v3.0", "v12.0", "v1"}},
          {"v1{,.2}", {"v1", "v1.2"}, {"v1.", "v1.3"}},
          {"{a}", {"a"}, {"{a}", ""}},
          {"{,}", {""}, {"a"}},
          {"{a,{b,c{1,2}}}x", {"ax", "bx", "c1x", "c2x"}, {"cx", "x", "a"}},
          {"{1,2}.{3,4}-{a*,?b}", {"1.3-a", "2.4-axx", "1.4-xb"}, {"3.3-a", "1.3-b"}},
          {"{a*,b}c", {"ac", "axc", "bc"}, {"bxc", "c"}},
          {"{a,b}{c,d}{e,f}{g,h}{i,j}", {"acegi", "bdfhj"}, {"acegk", "aceg"}},
          {"a,b", {"a,b"}, {"a", "b"}},
          {"a\\*", {"a*"}, {"a", "ab", "a\\*"}},
          {"\\{a,b\\}", {"{a,b}"}, {"a"}},
          {"\\\\", {"\\"}, {"\\\\"}},
          {"\\a", {"a"}, {"\\a"}},
          {"{a\\,b,c}", {"a,b", "c"}, {"a", "b"}},
          {"*a*b*", {"ab", "xaxbx", "aab"}, {"ba", "a", "b"}},
          {"*ab*ab", {"abab", "xabab"}, {"ab", "aab"}},
          {"a*a", {"aa", "aba"}, {"a", "ab"}},
          {"*.?.*", {"1.2.3", ".x."}, {"1.22.3", "..", "1.2"}},
          {"*[0-9][0-9]", {"12", "x12"}, {"1", "x1y2"}},
          {"é*", {"é", "é1"}, {"e", "\xc3"}},
          {"v1.*", {"v1."}, {"v1", "v11"}},
          {"$(x)+^|", {"$(x)+^|"}, {"x"}},
          {"*\n", {"\n", "a\n"}, {"a", "\na"}},
      },
      NameKind::kTag);
}

TEST(PatternTest, MatchesRepositories) {
  expect_rows(
      {
          {"*", {"", "app", "a-b_c.d"}, {"team/app", "/"}},
          {"**", {"", "app", "team/app", "a/b/c"}, {}},
          {"***", {"a/b"}, {}},
          {"team/*", {"team/app", "team/"}, {"team", "team/app/web", "xteam/app", "team2/app", "Team/app"}},
          {"team/**", {"team/app", "team/app/web", "team/"}, {"team", "xteam/app", "teams/app"}},
          {"team*", {"team", "teams", "team-a"}, {"team/app", "teams/app"}},
          {"team**", {"team", "teams", "team/app"}, {"tea"}},
          {"*/app", {"team/app", "/app"}, {"app", "a/b/app", "team/apps"}},
          {"**/app", {"team/app", "a/b/app"}, {"app", "team/xapp"}},
          {"{,**/}app", {"app", "team/app", "a/b/app"}, {"team/xapp", "xapp"}},
          {"*app", {"app", "myapp"}, {"team/app"}},
          {"*app*", {"app", "my-apps"}, {"team/app", "app/team"}},
          {"**app**", {"app", "team/app", "app/team", "a/myapps/b"}, {"ap/p"}},
          {"*a/b*", {"a/b", "xa/by"}, {"x/a/b", "a/b/c", "ab"}},
          {"**a/b**", {"a/b", "x/a/b", "a/b/c"}, {"a/xb"}},
          {"*/*", {"a/b", "/"}, {"a", "a/b/c"}},
          {"*/*/*", {"a/b/c"}, {"a/b", "a/b/c/d"}},
          {"team/?", {"team/a"}, {"team/", "team/ab", "team//"}},
          {"a?b", {"a-b"}, {"a/b", "ab"}},
          {"a[!x]b", {"a-b"}, {"a/b", "axb"}},
          {"a[+-9]b", {"a-b", "a.b", "a0b"}, {"a/b"}},
          {"team/[ab]*", {"team/a", "team/bc"}, {"team/a/b", "team/c"}},
          {"**/*-dev", {"a/x-dev", "a/b/x-dev"}, {"x-dev", "a/x-dev/y"}},
          {"*/**/z", {"a/b/z", "a/b/c/z", "a//z"}, {"a/z", "z"}},
          {"**/a*/b", {"x/a1/b", "x/y/a/b", "a/a/b"}, {"a/b", "x/a/c/b"}},
          {"{team,lib}/*", {"team/a", "lib/a"}, {"team/a/b", "x/a"}},
          {"{team,lib/**}", {"team", "lib/a", "lib/a/b"}, {"team/a", "lib"}},
          {"team\\/app", {"team/app"}, {"team\\/app"}},
      },
      NameKind::kRepository);
}

TEST(PatternTest, MatchesExpressionsAndVersions) {
  expect_rows(
      {
          {"re:v\\d+", {"v1", "v22"}, {"v", "xv1", "v1x", "V1", "v1\n"}},
          {"re:a|b", {"a", "b"}, {"ab", "ax", "xb"}},
          {"re:^a$", {"a"}, {"aa", "a\n"}},
          {"re:(?i)latest", {"latest", "LATEST"}, {"latest1"}},
          {"re:.*", {"", "abc", "\xff"}, {"a\nb"}},
          {"re:(?:\xfe.*b|\xfe)d",
           {"\xfe"
            "d",
            "\xfe.bd"},
           {"d", "\xfe.b"}},
          {"re:(?:\\xfe.*b|\\376)d",
           {"\xfe"
            "d",
            "\xfe.bd"},
           {"d", "\xfe.b"}},
          {"re:(?s).*", {"a\nb"}, {}},
          {"re:[^a]+", {"b\nc", "\xe9"}, {"a", ""}},
          {"re:\\Qa.b", {"a.b"}, {"axb"}},
          {"re:\\d{1,3}(\\.\\d+){2}", {"1.2.3", "100.20.30"}, {"1.2", "1000.2.3"}},
          {"re:*?|x"s.substr(0, 3) + "x*", {"", "xx"}, {"y"}},
          {"semver:>=1.2 <2", {"1.2", "v1.9.9", "1.2.0+b"}, {"2", "1.1.9", "1.5.0-rc.1", "latest", "", "1.5x"}},
          {"semver:^1.2 || 3.x", {"1.9", "3.0.0"}, {"2.0", "4"}},
          {"semver:>=2.0.0-rc.1", {"2.0.0-rc.2", "2.0.0", "3.0.0"}, {"2.0.0-beta", "2.1.0-rc.1"}},
      },
      NameKind::kTag);
  expect_rows({{"re:team/[a-z]+", {"team/app"}, {"team/app/x", "team"}}}, NameKind::kRepository);
}

TEST(PatternTest, TakesTheCheapestTier) {
  struct TierRow {
    std::string pattern;
    NameKind kind;
    PatternTier tier;
  };
  const TierRow rows[] = {
      {"*", NameKind::kTag, PatternTier::kAny},
      {"**", NameKind::kTag, PatternTier::kAny},
      {"latest", NameKind::kTag, PatternTier::kExact},
      {"v1\\.[2]{x}", NameKind::kTag, PatternTier::kExact},
      {"v*", NameKind::kTag, PatternTier::kPrefix},
      {"*-alpine", NameKind::kTag, PatternTier::kSuffix},
      {"*rc*", NameKind::kTag, PatternTier::kContains},
      {"v[0-9]*", NameKind::kTag, PatternTier::kGlob},
      {"v*-alpine", NameKind::kTag, PatternTier::kGlob},
      {"?", NameKind::kTag, PatternTier::kGlob},
      {"{a,b}", NameKind::kTag, PatternTier::kGlob},
      {"re:a", NameKind::kTag, PatternTier::kRegex},
      {"semver:*", NameKind::kTag, PatternTier::kVersionRange},
      {"**", NameKind::kRepository, PatternTier::kAny},
      {"*", NameKind::kRepository, PatternTier::kPrefix},
      {"team/*", NameKind::kRepository, PatternTier::kPrefix},
      {"team/**", NameKind::kRepository, PatternTier::kPrefix},
      {"*/app", NameKind::kRepository, PatternTier::kSuffix},
      {"**/app", NameKind::kRepository, PatternTier::kSuffix},
      {"*app*", NameKind::kRepository, PatternTier::kContains},
      {"**app**", NameKind::kRepository, PatternTier::kContains},
      {"**app*", NameKind::kRepository, PatternTier::kRegex},
      {"*a/b*", NameKind::kRepository, PatternTier::kGlob},
  };
  for (const TierRow& row : rows) {
    const auto pattern = compiled(row.pattern, row.kind);
    ASSERT_NE(pattern, nullptr);
    EXPECT_EQ(pattern->tier(), row.tier) << row.pattern << ": " << to_string(pattern->tier());
    EXPECT_EQ(pattern->text(), row.pattern);
    EXPECT_EQ(pattern->exact_name().empty(), row.tier != PatternTier::kExact) << row.pattern;
  }
  EXPECT_EQ(compiled("v1\\.[2]{x}", NameKind::kTag)->exact_name(), "v1.2x");
}

TEST(PatternTest, NamesTheTiers) {
  const std::string_view names[] = {"any", "exact", "prefix", "suffix", "contains", "glob", "regex", "version range"};
  static_assert(std::size(names) == kPatternTiers);
  for (std::size_t i = 0; i < kPatternTiers; ++i) EXPECT_EQ(to_string(static_cast<PatternTier>(i)), names[i]);
}

TEST(PatternTest, RefusesWithThePosition) {
  struct BadRow {
    std::string pattern;
    std::size_t position;
    std::string message;
    NameKind kind = NameKind::kTag;
  };
  const BadRow rows[] = {
      {"", 1, "the pattern is empty"},
      {"v[0-9", 2, R"(this "[" is not closed)"},
      {"v[", 2, R"(this "[" is not closed)"},
      {"v[!", 2, R"(this "[" is not closed)"},
      {"v[a-", 2, R"(this "[" is not closed)"},
      {"v[\\]", 2, R"(this "[" is not closed)"},
      {"v[]", 2, "this class is empty"},
      {"v[]a]", 2, "this class is empty"},
      {"v[!]", 2, "this class is empty"},
      {"v[9-0]", 3, R"(the range "9-0" runs backwards)"},
      {"v[az-a]", 4, R"(the range "z-a" runs backwards)"},
      {"v[\x01-\xff]x[[:alpha:]]", 9, "classes have no names here"},
      {"a\\", 2, R"(nothing follows this "\")"},
      {"a[\\", 3, R"(nothing follows this "\")"},
      {"a{b,c", 2, R"(this "{" is not closed)"},
      {"a{b,{c}", 2, R"(this "{" is not closed)"},
      {"a{b{c}", 2, R"(this "{" is not closed)"},
      {"a{}", 2, R"(there is nothing between "{" and "}")"},
      {"a}", 2, R"(this "}" closes nothing)"},
      {"a]", 2, R"(this "]" closes nothing)"},
      {"a[/]", 2, "this class matches nothing", NameKind::kRepository},
      {"[!\x01-\xff"s + "\0"s + "]", 1, "this class matches nothing"},
      {std::string(11, '{') + "a" + std::string(11, '}'), 11, "braces are nested more than 10 deep"},
      {std::string(kMaxPattern + 1, 'a'), kMaxPattern + 1, "a pattern has at most 1024 bytes"},
      {"re:", 4, "the regular expression is empty"},
      {"re:a(?=b)", 5, "RE2 refuses it: invalid perl operator: (?=; look-around and back-references are refused"},
      {"re:(?<!a)b", 4, "RE2 refuses it: invalid perl operator: (?<"},
      {"re:(a)\\\\\\1", 9, "RE2 refuses it: invalid escape sequence: \\1; look-around and back-references are refused"},
      {"re:a[b", 5, "RE2 refuses it: missing ]: [b"},
      {"re:(a", 4, "RE2 refuses it: missing ): (a"},
      {"re:a)|(b", 4, "RE2 refuses it: unexpected ): a)|(b"},
      {"re:a**", 5, "RE2 refuses it: bad repetition operator: **"},
      {"re:a{1001}", 5, "RE2 refuses it: invalid repetition size: {1001}"},
      {"re:(" + std::string(600, 'a') + "){1000}", 4, "RE2 refuses it: pattern too large"},
      {"semver:", 8, "a version number or x is missing"},
      {"semver:>=1.y", 12, R"("y" where a version number or x should be)"},
  };
  for (const BadRow& row : rows) {
    const auto pattern = Pattern::compile(row.pattern, row.kind);
    ASSERT_FALSE(pattern) << row.pattern;
    EXPECT_EQ(pattern.error().code(), ErrorCode::kUsage);
    const std::string message = pattern.error().message();
    EXPECT_THAT(message, HasSubstr("position " + std::to_string(row.position) + ": " + row.message)) << row.pattern;
    EXPECT_THAT(message, testing::StartsWith("pattern \""));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(PatternTest, ShowsPatternsSafely) {
  const auto pattern = Pattern::compile("\x1b[2J\n[", NameKind::kTag);
  ASSERT_FALSE(pattern);
  EXPECT_THAT(pattern.error().message(), HasSubstr("\\x1b"));
  EXPECT_EQ(pattern.error().message().find('\x1b'), std::string::npos);
}

// A backtracking matcher would need longer than the tests may run.
TEST(PatternTest, TakesLinearTime) {
  std::string many_stars;
  for (int i = 0; i < 40; ++i) many_stars += "a*";
  std::string many_both;
  for (int i = 0; i < 20; ++i) many_both += "**a*b";
  const std::string name(20'000, 'a');
  for (const std::string& text : {many_stars + "b", "re:(a|aa)*b"s, many_both, "{a,aa}{a,aa}*{a,aa}{a,aa}*{a,aa}b"s}) {
    for (const NameKind kind : {NameKind::kTag, NameKind::kRepository}) {
      const auto pattern = compiled(text, kind);
      ASSERT_NE(pattern, nullptr);
      EXPECT_FALSE(pattern->matches(name)) << text;
    }
  }
}

TEST(PatternCacheTest, CompilesEachPatternOnce) {
  PatternCache cache;
  const auto tag = cache.get("a*", NameKind::kTag);
  const auto again = cache.get("a*", NameKind::kTag);
  const auto repository = cache.get("a*", NameKind::kRepository);
  ASSERT_TRUE(tag && again && repository);
  EXPECT_EQ(*tag, *again);
  EXPECT_NE(*tag, *repository);
  EXPECT_TRUE((*tag)->matches("a/b"));
  EXPECT_FALSE((*repository)->matches("a/b"));
  EXPECT_FALSE(cache.get("[", NameKind::kTag));
  EXPECT_FALSE(cache.get("[", NameKind::kTag));
  EXPECT_EQ(cache.statistics().compiled, 2U);
  EXPECT_EQ(cache.statistics().reused, 1U);
}

TEST(PatternCacheTest, IsSharedByThreads) {
  constexpr int kThreads = 8;
  constexpr int kPatterns = 50;
  PatternCache cache;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&cache] {
      for (int k = 0; k < kPatterns; ++k) {
        const auto pattern = cache.get("re:v" + std::to_string(k) + "[0-9]*", NameKind::kTag);
        ASSERT_TRUE(pattern);
        EXPECT_TRUE((*pattern)->matches("v" + std::to_string(k) + "7"));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(cache.statistics().compiled, 50U);
  EXPECT_EQ(cache.statistics().reused, static_cast<std::uint64_t>(kThreads - 1) * kPatterns);
}

}  // namespace
}  // namespace freightliner::replicate
