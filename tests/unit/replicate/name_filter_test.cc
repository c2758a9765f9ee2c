#include "freightliner/replicate/name_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "freightliner/replicate/version.h"
#include "support/thread_allocations.h"

namespace freightliner::replicate {
namespace {

using Why = Decision::Why;

NameFilter filter(PatternCache& cache, const std::vector<std::string>& include, const std::vector<std::string>& exclude,
                  NameKind kind = NameKind::kTag) {
  const auto included = PatternList::create(cache, kind, include);
  const auto excluded = PatternList::create(cache, kind, exclude);
  EXPECT_TRUE(included) << (included ? "" : included.error().describe());
  EXPECT_TRUE(excluded) << (excluded ? "" : excluded.error().describe());
  return included && excluded ? NameFilter(*included, *excluded) : NameFilter();
}

TEST(PatternListTest, TheCheapestTierCounts) {
  PatternCache cache;
  const auto list =
      PatternList::create(cache, NameKind::kTag,
                          {"semver:1.x", "re:[1-3].*", "[2-3]5*", "*.2*", "*.4", "2*", "1.2.3", "1\\.2\\.3", "stable"});
  ASSERT_TRUE(list);
  const std::pair<std::string, std::string> rows[] = {
      {"1.2.3", "1.2.3"},    {"2.4", "2*"},     {"3.4", "*.4"},       {"1.2", "*.2*"},
      {"1.3", "re:[1-3].*"}, {"35", "[2-3]5*"}, {"stable", "stable"}, {"v1.3", "semver:1.x"},
  };
  for (const auto& [name, text] : rows) {
    const Pattern* pattern = list->find(name);
    ASSERT_NE(pattern, nullptr) << name;
    EXPECT_EQ(pattern->text(), text) << name;
  }
  for (const std::string_view name : {"", "4", "latest", "Stable"}) EXPECT_EQ(list->find(name), nullptr) << name;
  EXPECT_FALSE(list->empty());
}

TEST(PatternListTest, WithoutPatternsNothingMatches) {
  PatternCache cache;
  const auto list = PatternList::create(cache, NameKind::kTag, {});
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->empty());
  EXPECT_EQ(list->find("a"), nullptr);
  EXPECT_TRUE(PatternList().empty());
  EXPECT_EQ(PatternList().find(""), nullptr);
}

TEST(PatternListTest, FindsOneOfManyNames) {
  std::vector<std::string> names;
  for (int i = 0; i < 10'000; ++i) names.push_back("v1." + std::to_string(i));
  PatternCache cache;
  const auto list = PatternList::create(cache, NameKind::kTag, names);
  ASSERT_TRUE(list);
  for (const std::string& name : names) ASSERT_EQ(list->find(name)->exact_name(), name);
  EXPECT_EQ(list->find("v1.10000"), nullptr);
}

TEST(PatternListTest, OutlivesItsCacheAndItsCopies) {
  PatternList copy;
  {
    PatternCache cache;
    const auto list = PatternList::create(cache, NameKind::kTag, {"a*", "exact", "re:x+"});
    ASSERT_TRUE(list);
    copy = *list;
  }
  EXPECT_NE(copy.find("exact"), nullptr);
  EXPECT_NE(copy.find("xx"), nullptr);
}

TEST(PatternListTest, RefusesWhatAPatternRefuses) {
  PatternCache cache;
  const auto list = PatternList::create(cache, NameKind::kTag, {"a", "b[", "c"});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(list.error().message(), testing::HasSubstr("pattern \"b[\", position 2"));
}

TEST(NameFilterTest, Decides) {
  struct Row {
    std::vector<std::string> include;
    std::vector<std::string> exclude;
    std::string name;
    Why why;
    std::string pattern = {};
  };
  const Row rows[] = {
      {{}, {}, "a", Why::kNoInclude},
      {{}, {}, "", Why::kNoInclude},
      {{}, {"b*"}, "a", Why::kNoInclude},
      {{}, {"b*"}, "b1", Why::kExcluded, "b*"},
      {{"a*"}, {}, "a1", Why::kIncluded, "a*"},
      {{"a*"}, {}, "b", Why::kNotIncluded},
      {{"a*"}, {"*"}, "a1", Why::kExcluded, "*"},
      {{"a1"}, {"re:a[0-9]"}, "a1", Why::kExcluded, "re:a[0-9]"},
      {{"*"}, {"*-rc*"}, "1-rc1", Why::kExcluded, "*-rc*"},
      {{"*"}, {"*-rc*"}, "1", Why::kIncluded, "*"},
      {{"*"}, {"*"}, "1", Why::kExcluded, "*"},
      {{"semver:>=1", "latest"}, {}, "latest", Why::kIncluded, "latest"},
      {{"semver:>=1", "latest"}, {}, "1.0.0-rc", Why::kNotIncluded},
  };
  PatternCache cache;
  for (const Row& row : rows) {
    const Decision decision = filter(cache, row.include, row.exclude).decide(row.name);
    EXPECT_EQ(decision.why, row.why) << row.name;
    EXPECT_EQ(decision.selected(), row.why == Why::kIncluded || row.why == Why::kNoInclude);
    EXPECT_EQ(decision.pattern == nullptr ? "" : decision.pattern->text(), row.pattern);
  }
  EXPECT_EQ(NameFilter().decide("a").why, Why::kNoInclude);
  EXPECT_FALSE(filter(cache, {"team/*"}, {}, NameKind::kRepository).decide("team/a/b").selected());
}

TEST(NameFilterTest, CountsWhichTierDecidedUnderThreads) {
  constexpr std::uint64_t kThreads = 8;
  constexpr std::uint64_t kRounds = 2'000;
  PatternCache cache;
  const NameFilter names =
      filter(cache, {"latest", "v*", "*-alpine", "*rc*", "[0-9]", "semver:1.x"}, {"re:bad+", "worst"});
  const std::pair<std::string, PatternTier> decided[] = {
      {"latest", PatternTier::kExact},   {"v1", PatternTier::kPrefix},   {"3-alpine", PatternTier::kSuffix},
      {"3-rc1", PatternTier::kContains}, {"7", PatternTier::kGlob},      {"1.2", PatternTier::kVersionRange},
      {"badd", PatternTier::kRegex},     {"worst", PatternTier::kExact},
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&names, &decided] {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          for (const auto& row : decided) EXPECT_EQ(names.decide(row.first).pattern->tier(), row.second);
          EXPECT_EQ(names.decide("other").pattern, nullptr);
        }
      });
    }
  }
  const NameFilter copy = names;  // shares the counts
  const auto counts = copy.decided_by_tier();
  constexpr std::uint64_t kOnce = kThreads * kRounds;
  EXPECT_THAT(counts, testing::ElementsAre(0, 2 * kOnce, kOnce, kOnce, kOnce, kOnce, kOnce, kOnce, kOnce));
}

TEST(NameFilterTest, TheAnyTierIsCounted) {
  PatternCache cache;
  const NameFilter everything = filter(cache, {"x", "*"}, {});
  EXPECT_EQ(everything.decide("x").pattern->tier(), PatternTier::kAny);
  EXPECT_EQ(everything.decided_by_tier()[0], 1U);
}

TEST(NameFilterTest, AllocatesNothing) {
  PatternCache cache;
  const NameFilter names =
      filter(cache,
             {"latest", "a-name-that-is-longer-than-a-small-string", "v1*", "*-alpine3.20", "*nightly*", "v[0-9]*.?",
              "{1,2}.*-{a,b}", "{a,b}{c,d}{e,f}{g,h}{i,j}*", "re:build-[0-9a-f]{8}",
              "semver:>=2.0.0-a.prerelease.that.is.longer.than.a.small.string"},
             {"*-rc*", "re:.*dirty", "semver:<1", "[!a-z0-9]*"});
  std::vector<std::string> tags;
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(i);
    for (const std::string& tag :
         std::vector<std::string>{"v1." + number, number + "-alpine3.20", number + "-rc1", "v2." + number + ".0",
                                  "1." + number + "-b", "acegi" + number, "build-0123456" + number.substr(0, 1),
                                  "2.0.0-b.prerelease.that.is.longer.than.a.small.string." + number, "0." + number,
                                  number + "-dirty", "_" + number, std::string(128, 'x') + number,
                                  std::string("latest"), std::string("a-name-that-is-longer-than-a-small-string")}) {
      tags.push_back(tag);
    }
  }
  const auto count = [&] {
    std::size_t selected = 0;
    for (const std::string& tag : tags) selected += names.decide(tag).selected() ? 1 : 0;
    return selected;
  };
  const std::size_t selected = count();  // RE2 builds its states when it first needs them
  EXPECT_GT(selected, tags.size() / 4);
  EXPECT_LT(selected, tags.size());
  const std::uint64_t before = test::thread_allocations;
  EXPECT_EQ(count(), selected);
  EXPECT_EQ(test::thread_allocations, before);
  auto probe = std::make_unique<std::string>(100, 'x');  // the counter counts
  EXPECT_GE(test::thread_allocations, before + 2);
}

TEST(NameFilterTest, GlobsAllocateNothingFromTheFirstNameOn) {
  PatternCache cache;
  const NameFilter names = filter(cache, {"v[0-9]*-?", "{1,2}.*-{a,b}", "*a*b*c", "semver:^1.2-rc || 3.x"}, {"*x*"});
  const std::uint64_t before = test::thread_allocations;
  bool selected = true;
  for (const std::string_view name : {"v1-a", "2.0-b", "xaxbxc", "aabbc", "1.2.0-rc.and.more.that.is.long", "none"}) {
    selected = names.decide(name).selected() && selected;
  }
  EXPECT_EQ(test::thread_allocations, before);
  EXPECT_FALSE(selected);
}

}  // namespace
}  // namespace freightliner::replicate
