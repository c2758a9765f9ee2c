// Patterns from the cache against patterns compiled each time, and what matching costs, in allocations and counts.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "allocation_count.h"
#include "freightliner/replicate/name_filter.h"

namespace freightliner::replicate {
namespace {

constexpr std::size_t kRepositories = 1'000;
constexpr std::size_t kTags = 100'000;

/// 20 patterns, of every tier; the first half excludes.
const std::vector<std::string> kPatterns = {"*-rc*",       "nightly-*",  "*-s390x",        "re:.*-dirty|.*-dev",
                                            "semver:<1",   "[!a-z0-9]*", "broken",         "*windows*",
                                            "{dev,test}*", "*debug*",    "latest",         "stable",
                                            "v1.*",        "*-alpine",   "v[0-9]*.?",      "*build*",
                                            "semver:^7",   "edge",       "re:\\d+\\.\\d+", "{a,b}{c,d}*"};

std::vector<std::string> first_half() {
  return {kPatterns.begin(), kPatterns.begin() + 10};
}
std::vector<std::string> second_half() {
  return {kPatterns.begin() + 10, kPatterns.end()};
}

NameFilter make_filter(PatternCache& cache) {
  return NameFilter(*PatternList::create(cache, NameKind::kTag, second_half()),
                    *PatternList::create(cache, NameKind::kTag, first_half()));
}

std::vector<std::string> make_tags() {
  const std::vector<std::string> endings = {"-rc1", "", "-alpine", "-s390x", "-dirty", ".0", ".0.1", "-build"};
  const std::vector<std::string> beginnings = {"v", "", "nightly-", "v1.", "7.", "0.", "ac", "x"};
  std::vector<std::string> tags = {"latest", "stable", "edge", "broken", "_odd"};
  for (std::size_t i = 0; tags.size() < kTags; ++i) {
    const std::size_t which = i % (endings.size() * beginnings.size());
    tags.push_back(beginnings[which / endings.size()] + std::to_string(i / 64) + endings[which % endings.size()]);
  }
  return tags;
}

TEST(PatternMatching, EachPatternIsCompiledOnceWhateverTheNumberOfRepositories) {
  PatternCache cache;
  for (std::size_t i = 0; i < kRepositories; ++i) make_filter(cache);
  EXPECT_EQ(cache.statistics().compiled, kPatterns.size());
  EXPECT_EQ(cache.statistics().reused, (kRepositories - 1) * kPatterns.size());
}

TEST(PatternMatching, TheCacheSavesTheAllocationsOfCompiling) {
  PatternCache cache;
  const auto take_all = [](PatternCache& from) {
    for (const std::string& text : kPatterns) EXPECT_TRUE(from.get(text, NameKind::kTag));
  };
  take_all(cache);
  std::uint64_t before = allocation_count();
  for (std::size_t i = 0; i < kRepositories; ++i) take_all(cache);
  const std::uint64_t cached = allocation_count() - before;
  before = allocation_count();
  for (std::size_t i = 0; i < kRepositories / 100; ++i) {
    PatternCache empty;
    take_all(empty);
  }
  const std::uint64_t compiled = (allocation_count() - before) * 100;
  // At most the key of the look-up, where it is longer than a small string.
  EXPECT_LE(cached, kRepositories * kPatterns.size());
  EXPECT_GE(compiled, 20 * std::max<std::uint64_t>(cached, 1));
}

TEST(PatternMatching, ManyTagsByManyPatternsAllocateNothing) {
  PatternCache cache;
  const NameFilter filter = make_filter(cache);
  const std::vector<std::string> tags = make_tags();
  const auto select = [&] {
    return static_cast<std::size_t>(
        std::ranges::count_if(tags, [&](const std::string& tag) { return filter.decide(tag).selected(); }));
  };
  const std::size_t selected = select();  // RE2 builds its states when it first needs them
  EXPECT_GT(selected, kTags / 10);
  EXPECT_LT(selected, kTags / 10 * 9);
  const std::uint64_t before = allocation_count();
  EXPECT_EQ(select(), selected);
  EXPECT_EQ(allocation_count(), before);
}

TEST(PatternMatching, EveryTagIsDecidedOnceAndCheapTiersComeFirst) {
  PatternCache cache;
  const NameFilter filter = make_filter(cache);
  const std::vector<std::string> tags = make_tags();
  for (const std::string& tag : tags) filter.decide(tag);
  const auto decided = filter.decided_by_tier();
  EXPECT_EQ(std::accumulate(decided.begin(), decided.end(), std::uint64_t{0}), tags.size());
  for (const PatternTier tier : {PatternTier::kExact, PatternTier::kPrefix, PatternTier::kSuffix,
                                 PatternTier::kContains, PatternTier::kRegex, PatternTier::kVersionRange}) {
    EXPECT_GT(decided[static_cast<std::size_t>(tier)], 0U) << to_string(tier);
  }
}

/// What a backtracking matcher needs exponential time for; the test's time limit would end it.
TEST(PatternMatching, NoPatternNeedsExponentialTime) {
  const std::string name(128, 'a');
  for (const std::string_view text : {"*a*a*a*a*a*a*a*a*a*a*a*a*b", "re:(a+)+b", "re:(a|aa)*b", "re:(a*)*(a*)*(a*)*b",
                                      "{a,aa,aaa}{a,aa,aaa}{a,aa,aaa}{a,aa,aaa}*{a,aa}*{a,aa}*b"}) {
    const auto pattern = Pattern::compile(text, NameKind::kTag);
    ASSERT_TRUE(pattern) << text;
    EXPECT_FALSE((*pattern)->matches(name)) << text;
    EXPECT_TRUE((*pattern)->matches(name + "b")) << text;
  }
}

}  // namespace
}  // namespace freightliner::replicate
