#include "freightliner/replicate/repository_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace freightliner::replicate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RepositoryMap make(const std::string& source, const std::string& destination,
                   const std::vector<std::string>& rules = {}) {
  auto map = RepositoryMap::create(source, destination, rules);
  EXPECT_TRUE(map) << map.error().describe();
  return *std::move(map);
}

struct Case {
  std::string source_prefix;
  std::string destination_prefix;
  std::vector<std::string> rules;
  std::string source;
  std::string destination;
};

class RepositoryMapTest : public ::testing::TestWithParam<Case> {};

TEST_P(RepositoryMapTest, Maps) {
  const Case& c = GetParam();
  const RepositoryMap map = make(c.source_prefix, c.destination_prefix, c.rules);
  const auto result = map.destination_of(c.source);
  ASSERT_TRUE(result) << result.error().describe();
  EXPECT_EQ(*result, c.destination);
}

TEST_P(RepositoryMapTest, TheOtherWayLeadsBackOrNowhere) {
  const Case& c = GetParam();
  const auto back = make(c.source_prefix, c.destination_prefix, c.rules).source_of(c.destination);
  if (!c.rules.empty()) {
    EXPECT_EQ(back, std::nullopt) << "rules need not be reversible";
  } else if (back) {
    EXPECT_EQ(*back, c.source);
  } else {
    EXPECT_TRUE(c.destination_prefix.empty() && !c.source_prefix.empty()) << "only there two could have given the name";
  }
}

INSTANTIATE_TEST_SUITE_P(Prefixes, RepositoryMapTest,
                         ::testing::Values(Case{"", "", {}, "library/alpine", "library/alpine"},        //
                                           Case{"", "mirror", {}, "alpine", "mirror/alpine"},           //
                                           Case{"", "mirror/hub", {}, "a/b/c", "mirror/hub/a/b/c"},     //
                                           Case{"team", "", {}, "team/app", "app"},                     //
                                           Case{"team", "", {}, "team/app/web", "app/web"},             //
                                           Case{"team", "other", {}, "team/app", "other/app"},          //
                                           Case{"team/sub", "other", {}, "team/sub/app", "other/app"},  //
                                           Case{"team", "other", {}, "team", "other"},      // the prefix itself
                                           Case{"team", "", {}, "team", "team"},            //
                                           Case{"team/app", "", {}, "team/app", "app"},     //
                                           Case{"team/app", "x/y", {}, "team/app", "x/y"},  //
                                           Case{"team", "team", {}, "team/team", "team/team"}));

INSTANTIATE_TEST_SUITE_P(
    Rules, RepositoryMapTest,
    ::testing::Values(Case{"", "", {"alpine=os/alpine"}, "alpine", "os/alpine"},      //
                      Case{"", "", {"alpine=os/alpine"}, "alpine3", "alpine3"},       //
                      Case{"", "", {"library/*=os/*"}, "library/a/b", "os/a/b"},      // across "/"
                      Case{"", "", {"library/*=os/*"}, "library", "library"},         //
                      Case{"", "", {"*-dev=dev/*"}, "team/app-dev", "dev/team/app"},  //
                      Case{"", "", {"a*z=x*y"}, "az", "xy"},                          // no text at all
                      Case{"", "", {"aba*aba=x*x"}, "ababa", "ababa"},                // would overlap
                      Case{"", "", {"aba*aba=x*x"}, "abaaba", "xx"},                  //
                      Case{"", "", {"*=mirror/*"}, "a/b", "mirror/a/b"},              //
                      Case{"", "", {"a/*=first/*", "a/b=second"}, "a/b", "first/b"},  // the first counts
                      Case{"", "", {"a/b=second", "a/*=first/*"}, "a/b", "second"},   //
                      Case{"", "", {"a/*=b/*", "b/*=c/*"}, "a/x", "b/x"},             // one rule only
                      Case{"team", "dst", {"app=web"}, "team/app", "dst/web"},        // relative names
                      Case{"team", "dst", {"team/app=web"}, "team/app", "dst/app"},   //
                      Case{"team", "dst", {"*=x/*"}, "team", "dst"}));                // no rule for the prefix

TEST(RepositoryMapRulesTest, RefusesWhatIsNoRule) {
  const std::vector<std::string> rules = {"",       "a",     "=",     "a=",     "=b",    "a*=b",  "a=b*",   "**=*",
                                          "*=a**",  "*a*=*", "a=b=c", "A=b",    "a=B",   "/a=b",  "a/=b",   "a=b/",
                                          "a=../b", "*=*.",  "_*=a*", "a//b=c", "a=b\n", "a b=c", "a=\xff", "a=b:tag"};
  for (const std::string& rule : rules) {
    const auto map = RepositoryMap::create("", "", {"ok/*=fine/*", rule});
    ASSERT_FALSE(map) << rule;
    EXPECT_EQ(map.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(map.error().message(), HasSubstr("write it as in"));
    EXPECT_EQ(map.error().message().find('\n'), std::string::npos);
  }
}

TEST(RepositoryMapNamesTest, RefusesResultsThatAreNoNames) {
  const std::string longest(250, 'a');
  for (const auto& [map, source] :
       {std::pair(make("", "", {"*-x=*/x"}), std::string("a--x")), std::pair(make("", "mirror"), longest),
        std::pair(make("", "", {"a*=*"}), std::string("a/b"))}) {
    const auto result = map.destination_of(source);
    ASSERT_FALSE(result) << source;
    EXPECT_EQ(result.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(result.error().message(), HasSubstr(source));
    EXPECT_THAT(result.error().message(), HasSubstr("--map"));
  }
}

TEST(RepositoryMapNamesTest, RefusesSourcesElsewhere) {
  const RepositoryMap map = make("team", "mirror");
  for (const std::string source : {"other/app", "teams", "teams/app", "tea", ""}) {
    EXPECT_EQ(map.destination_of(source).error().code(), ErrorCode::kUsage) << source;
  }
}

TEST(RepositoryMapNamesTest, SourcesOfWhatStandsElsewhere) {
  const RepositoryMap map = make("team", "mirror");
  EXPECT_EQ(map.source_of("mirror"), "team");
  EXPECT_EQ(map.source_of("mirror/a/b"), "team/a/b");
  EXPECT_EQ(map.source_of("mirrors/a"), std::nullopt);
  EXPECT_EQ(map.source_of("other"), std::nullopt);
  EXPECT_EQ(make("", "mirror").source_of("mirror"), std::nullopt) << "no source has that name";
  EXPECT_EQ(make("team/app", "").source_of("app"), std::nullopt) << "team/app or team/app/app";
  EXPECT_EQ(make("team/app", "").source_of("web"), "team/app/web");
}

TEST(RepositoryMapNamesTest, WithoutPrefixesAndRulesEveryNameStays) {
  EXPECT_EQ(*RepositoryMap().destination_of("team/app"), "team/app");
  EXPECT_EQ(RepositoryMap().source_of("team/app"), "team/app");
}

TEST(RepositoryMapAllTest, KeepsTheOrder) {
  const auto pairs = make("", "m").map({"b", "a", "c/d", "a"});
  ASSERT_TRUE(pairs);
  EXPECT_THAT(*pairs,
              ElementsAre(RepositoryPair{"b", "m/b"}, RepositoryPair{"a", "m/a"}, RepositoryPair{"c/d", "m/c/d"}));
  EXPECT_TRUE(make("", "").map({})->empty());
}

TEST(RepositoryMapAllTest, RefusesCollisionsNamingAllThree) {
  const auto by_rule = make("", "", {"team-a/*=all/*", "team-b/*=all/*"}).map({"team-a/x", "team-a/app", "team-b/app"});
  ASSERT_FALSE(by_rule);
  EXPECT_EQ(by_rule.error().code(), ErrorCode::kUsage);
  for (const char* name : {"team-a/app", "team-b/app", "all/app"}) {
    EXPECT_THAT(by_rule.error().message(), HasSubstr(name));
  }
  EXPECT_FALSE(make("team/app", "").map({"team/app", "team/app/app"})) << "the prefix itself and one below it";
  EXPECT_FALSE(make("", "", {"a=b"}).map({"a", "b"})) << "renamed to a name that another keeps";
  EXPECT_EQ(make("", "", {"*-x=*/x"}).map({"a", "a--x"}).error().code(), ErrorCode::kUsage);
}

TEST(RepositoryMapAllTest, ManyNames) {
  std::vector<std::string> sources;
  for (int i = 0; i < 10'000; ++i) sources.push_back("team/repository-" + std::to_string(i));
  const auto pairs = make("team", "mirror/team").map(sources);
  ASSERT_TRUE(pairs);
  ASSERT_EQ(pairs->size(), sources.size());
  EXPECT_EQ(pairs->back().destination, "mirror/team/repository-9999");
}

}  // namespace
}  // namespace freightliner::replicate
