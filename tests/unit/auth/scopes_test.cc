#include "auth/scopes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace freightliner::auth {
namespace {

using Scopes = std::vector<std::string>;

TEST(MergeScopes, Table) {
  struct Case {
    Scopes have;
    std::string asked;
    Scopes expected;
  };
  const Case cases[] = {
      {{"repository:a:pull"}, "repository:a:pull,push", {"repository:a:pull,push"}},
      {{"repository:a:pull,push"}, "repository:a:pull", {"repository:a:pull,push"}},
      {{"repository:a:pull"}, "repository:b:pull", {"repository:a:pull", "repository:b:pull"}},
      {{"repository:a:pull"},
       "repository:a:delete repository:b:pull",
       {"repository:a:pull,delete", "repository:b:pull"}},
      {{"repository:h:5000/a:pull"}, "repository:h:5000/a:push", {"repository:h:5000/a:pull,push"}},
      {{}, "registry:catalog:*", {"registry:catalog:*"}},
      {{"repository:a:pull"}, "", {"repository:a:pull"}},
      {{"repository:a:pull"}, "nonsense :x y:", {"repository:a:pull"}},
      {{"repository:a:pull"}, "repository:a:,pull,", {"repository:a:pull"}},
  };
  for (const Case& item : cases) EXPECT_EQ(merge_scopes(item.have, item.asked), item.expected) << item.asked;
}

TEST(MergeScopes, IsBounded) {
  std::string asked;
  for (int i = 0; i < 100; ++i) asked += "repository:r" + std::to_string(i) + ":pull ";
  EXPECT_EQ(merge_scopes({}, asked).size(), 16U);
  EXPECT_TRUE(merge_scopes({}, "repository:" + std::string(2000, 'x') + ":pull").empty());
  const Scopes wide =
      merge_scopes({"repository:a:pull"}, "repository:a:" + std::string(1000, 'y') + ',' + std::string(900, 'z'));
  EXPECT_LE(wide.front().size(), 1100U);
}

}  // namespace
}  // namespace freightliner::auth
