#include "freightliner/replicate/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace freightliner::replicate {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

TEST(VersionTest, Parses) {
  struct Row {
    std::string text;
    std::uint64_t major, minor, patch;
    std::string prerelease = {};
  };
  const Row rows[] = {
      {"1.2.3", 1, 2, 3},
      {"v1.2.3", 1, 2, 3},
      {"0.0.0", 0, 0, 0},
      {"1", 1, 0, 0},
      {"v1.2", 1, 2, 0},
      {"1.2.3-rc.1", 1, 2, 3, "rc.1"},
      {"1.2.3-rc.1+build.5", 1, 2, 3, "rc.1"},
      {"1.2.3+build-5.x", 1, 2, 3},
      {"1.2-alpine", 1, 2, 0, "alpine"},
      {"3-slim", 3, 0, 0, "slim"},
      {"1.0.0--", 1, 0, 0, "-"},
      {"1.0.0-0A.is.legal", 1, 0, 0, "0A.is.legal"},
      {"24.04", 24, 4, 0},
      {"2024.01.09", 2024, 1, 9},
      {"20240109", 20240109, 0, 0},
      {"9223372036854775807.0.0", 9223372036854775807U, 0, 0},
  };
  for (const Row& row : rows) {
    const auto version = Version::parse(row.text);
    ASSERT_TRUE(version) << row.text;
    EXPECT_EQ(version->major, row.major) << row.text;
    EXPECT_EQ(version->minor, row.minor) << row.text;
    EXPECT_EQ(version->patch, row.patch) << row.text;
    EXPECT_EQ(version->prerelease, row.prerelease) << row.text;
  }
}

TEST(VersionTest, RefusesWhatIsNoVersion) {
  for (const std::string_view text : {"",
                                      "v",
                                      "latest",
                                      "V1",
                                      "vv1",
                                      "1.",
                                      ".1",
                                      "1..2",
                                      "1.2.3.4",
                                      "1.x",
                                      "1.2.3-",
                                      "1.2.3-a.",
                                      "1.2.3-a..b",
                                      "1.2.3-.a",
                                      "1.2.3+",
                                      "1.2.3-a_b",
                                      "1.2.3_1",
                                      "-1",
                                      "+1",
                                      "1.2.3 ",
                                      " 1",
                                      "1.2.3\n",
                                      "1.2.3-é",
                                      "1,2",
                                      "a1",
                                      "1a",
                                      "0x1",
                                      "9223372036854775808",
                                      "99999999999999999999999.0.0",
                                      "sha256-abc"}) {
    EXPECT_FALSE(Version::parse(text)) << text;
  }
}

TEST(VersionTest, OrdersAsTheSpecificationSays) {
  const std::vector<std::string> ascending = {"0.0.0-0",
                                              "0.0.0",
                                              "0.0.1",
                                              "0.9.9",
                                              "1.0.0-0",
                                              "1.0.0-1",
                                              "1.0.0-9",
                                              "1.0.0-10",
                                              "1.0.0-99999999999999999999999",
                                              "1.0.0-100000000000000000000000",
                                              "1.0.0-A",
                                              "1.0.0-alpha",
                                              "1.0.0-alpha.1",
                                              "1.0.0-alpha.beta",
                                              "1.0.0-beta",
                                              "1.0.0-beta.2",
                                              "1.0.0-beta.11",
                                              "1.0.0-rc.1",
                                              "1.0.0",
                                              "1.0.1-a",
                                              "1.0.1",
                                              "1.1",
                                              "1.9",
                                              "1.10",
                                              "2",
                                              "10"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      const auto a = Version::parse(ascending[i]);
      const auto b = Version::parse(ascending[k]);
      ASSERT_TRUE(a && b);
      EXPECT_EQ(*a <=> *b, i <=> k) << ascending[i] << " and " << ascending[k];
    }
  }
}

TEST(VersionTest, TellsEqualVersions) {
  for (const auto& [a, b] : std::vector<std::pair<std::string, std::string>>{{"1", "v1.0.0"},
                                                                             {"1.2.3+a", "1.2.3+b"},
                                                                             {"24.04", "24.4"},
                                                                             {"1.0.0-01", "1.0.0-1"},
                                                                             {"1-rc.1+x", "1.0.0-rc.1"}}) {
    EXPECT_EQ(*Version::parse(a), *Version::parse(b)) << a << " and " << b;
  }
}

struct RangeRow {
  std::string range;
  std::vector<std::string> in;
  std::vector<std::string> out;
};

void expect_ranges(const std::vector<RangeRow>& rows) {
  for (const RangeRow& row : rows) {
    const auto range = VersionRange::parse(row.range);
    ASSERT_TRUE(range) << range.error().describe();
    for (const std::string& text : row.in)
      EXPECT_TRUE(range->contains(*Version::parse(text))) << row.range << " : " << text;
    for (const std::string& text : row.out)
      EXPECT_FALSE(range->contains(*Version::parse(text))) << row.range << " : " << text;
  }
}

TEST(VersionRangeTest, Comparators) {
  expect_ranges({
      {"1.2.3", {"1.2.3", "v1.2.3+b"}, {"1.2.4", "1.2.3-rc", "1.2.2"}},
      {"=1.2.3", {"1.2.3"}, {"1.2.4"}},
      {"= v1.2.3", {"1.2.3"}, {"1.2.4"}},
      {">1.2.3", {"1.2.4", "2"}, {"1.2.3", "1.2.4-rc"}},
      {">=1.2.3", {"1.2.3", "2"}, {"1.2.2", "1.2.3-rc"}},
      {"<1.2.3", {"1.2.2", "0"}, {"1.2.3", "1.2.3-rc", "1.2.2-rc"}},
      {"<=1.2.3", {"1.2.3", "0"}, {"1.2.4"}},
      {">=1.2 <2", {"1.2.0", "1.99"}, {"1.1.9", "2.0.0", "2.0.0-rc"}},
      {">=1.2, <2", {"1.2.0"}, {"2.0.0"}},
      {">=1.2,<2", {"1.2.0"}, {"2.0.0"}},
      {" >= 1.2   < 2 ", {"1.2.0"}, {"2.0.0"}},
      {">1.2", {"1.3.0", "2"}, {"1.2.0", "1.2.9"}},
      {">1", {"2.0.0"}, {"1.9.9"}},
      {"<=1.2", {"1.2.9", "1"}, {"1.3.0", "1.3.0-rc"}},
      {"<=1", {"1.9.9"}, {"2.0.0"}},
      {"<1.2", {"1.1.9"}, {"1.2.0", "1.2.0-rc"}},
      {">=24.04 <24.10", {"24.04", "24.9"}, {"24.10", "22.04"}},
      {"1.0.0 2.0.0", {}, {"1.0.0", "2.0.0"}},
  });
}

TEST(VersionRangeTest, OpenPlaces) {
  expect_ranges({
      {"*", {"0", "1.2.3"}, {"1.0.0-rc"}},
      {"x", {"0"}, {}},
      {"X.x.*", {"0"}, {}},
      {">=*", {"0"}, {}},
      {"~*", {"1"}, {}},
      {"^x", {"1"}, {}},
      {"<*", {}, {"0", "1"}},
      {">*", {}, {"0", "1"}},
      {"1", {"1.0.0", "1.9.9"}, {"2.0.0", "0.9", "2.0.0-0"}},
      {"1.x", {"1.0.0", "1.9.9"}, {"2.0.0"}},
      {"1.*.*", {"1.0.0"}, {"2.0.0"}},
      {"v1.2", {"1.2.0", "1.2.9"}, {"1.3.0", "1.1"}},
      {"1.2.x", {"1.2.0", "1.2.9"}, {"1.3.0"}},
      {"1.2.*", {"1.2.0"}, {"1.3.0"}},
  });
}

TEST(VersionRangeTest, TildeAndCaret) {
  expect_ranges({
      {"~1.2.3", {"1.2.3", "1.2.9"}, {"1.3.0", "1.2.2", "1.3.0-rc"}},
      {"~>1.2.3", {"1.2.9"}, {"1.3.0"}},
      {"~1.2", {"1.2.0", "1.2.9"}, {"1.3.0"}},
      {"~1", {"1.0.0", "1.9"}, {"2"}},
      {"~0.2.3", {"0.2.9"}, {"0.3.0"}},
      {"~0", {"0.9"}, {"1"}},
      {"~1.2.3-beta.2", {"1.2.3-beta.2", "1.2.3-beta.4", "1.2.3", "1.2.9"}, {"1.2.3-beta.1", "1.2.4-beta.2"}},
      {"^1.2.3", {"1.2.3", "1.9.9"}, {"2.0.0", "1.2.2", "2.0.0-rc"}},
      {"^ 1.2", {"1.2.0", "1.9"}, {"2", "1.1"}},
      {"^1.x", {"1.0.0", "1.9"}, {"2"}},
      {"^1.2.x", {"1.2.0", "1.9"}, {"2", "1.1"}},
      {"^0.2.3", {"0.2.3", "0.2.9"}, {"0.3.0", "1"}},
      {"^0.0.3", {"0.0.3"}, {"0.0.4", "0.0.2"}},
      {"^0.0.x", {"0.0.0", "0.0.9"}, {"0.1.0"}},
      {"^0.0", {"0.0.9"}, {"0.1.0"}},
      {"^0.x", {"0.9.9"}, {"1"}},
      {"^0", {"0.9.9"}, {"1"}},
      {"^0.0.0", {"0.0.0"}, {"0.0.1"}},
      {"^1.2.3-beta.2", {"1.2.3-beta.2", "1.2.3-rc", "1.9"}, {"1.2.4-beta.2", "1.2.3-beta.1", "2"}},
      {"^0.0.3-beta", {"0.0.3-pr.2", "0.0.3"}, {"0.0.3-alpha", "0.0.4"}},
  });
}

TEST(VersionRangeTest, HyphensAndAlternatives) {
  expect_ranges({
      {"1.2.3 - 2.3.4", {"1.2.3", "2.3.4"}, {"2.3.5", "1.2.2"}},
      {"1.2 - 2.3.4", {"1.2.0"}, {"1.1.9"}},
      {"1.2 - 1.4", {"1.2.0", "1.4.9"}, {"1.5.0", "1.5.0-rc"}},
      {"1.2.3 - 2", {"2.9.9"}, {"3.0.0"}},
      {"1 - *", {"1", "99"}, {"0.9"}},
      {"* - 2", {"0", "2.9"}, {"3"}},
      {"1.0.0-rc.1 - 1.0.0", {"1.0.0-rc.1", "1.0.0"}, {"1.0.0-beta"}},
      {"1.2 - 1.4 1.3", {"1.3.5"}, {"1.2.0", "1.4.0"}},
      {"^1.2 || ^3", {"1.2", "3.1"}, {"2", "4"}},
      {"1.x||3.x || 5.x", {"1", "3", "5"}, {"2", "4"}},
      {">=1.0.0-rc.1 <1.0.1 || 2", {"1.0.0-rc.2", "2.5"}, {"2.0.0-rc.1", "1.5"}},
  });
}

TEST(VersionRangeTest, PrereleasesOnlyWhereNamed) {
  expect_ranges({
      {">=1.2.3-rc.1", {"1.2.3-rc.1", "1.2.3-rc.2", "1.2.3", "1.3.0"}, {"1.2.3-alpha", "1.3.0-rc.1"}},
      {">=1.2-rc.1", {"1.2.0-rc.1", "1.2.0"}, {"1.2.0-beta"}},
      {"1.2.3-rc.1", {"1.2.3-rc.1"}, {"1.2.3-rc.2", "1.2.3"}},
      {"<2.0.0-rc.2", {"2.0.0-rc.1", "1.9"}, {"2.0.0-rc.2", "1.9.0-rc.1", "2.0.0"}},
      {">=1.0.0 <2.0.0-rc", {"2.0.0-alpha", "1.5"}, {"1.5.0-alpha", "1.0.0-alpha"}},
  });
}

TEST(VersionRangeTest, RefusesWithThePosition) {
  struct Row {
    std::string range;
    std::size_t position;
    std::string message;
  };
  const Row rows[] = {
      {"", 1, "a version number or x is missing"},
      {"  ", 3, "a version number or x is missing"},
      {"latest", 1, R"("l" where a version number or x should be)"},
      {">=", 3, "a version number or x is missing"},
      {">=1.y", 5, R"("y" where a version number or x should be)"},
      {">=1.", 5, "a version number or x is missing"},
      {"1.2.3.4", 6, R"("." where a blank should be)"},
      {"1.x.3", 5, R"("3" where x (a number can't follow an open place) should be)"},
      {"1.2.3-", 7, "a pre-release such as rc.1 is missing"},
      {"1.2.3-a..b", 7, R"("a" where a pre-release such as rc.1 should be)"},
      {"1.2.3+", 7, "build metadata is missing"},
      {"1.x-rc", 4, R"("-" where a blank should be)"},
      {"1.2.3 ||", 9, "a version number or x is missing"},
      {"|| 1", 1, R"("|" where a version number or x should be)"},
      {"1 | 2", 3, R"("|" where a version number or x should be)"},
      {"1.2 -1.4", 5, R"("-" where a version number or x should be)"},
      {"1.2 - ", 7, "a version number or x is missing"},
      {"=>1", 2, R"(">" where a version number or x should be)"},
      {"!=1", 1, R"("!" where a version number or x should be)"},
      {"99999999999999999999", 1, R"("9" where a version number or x should be)"},
      {"1\n", 2, R"("\x0a" where a blank should be)"},
  };
  for (const Row& row : rows) {
    const auto range = VersionRange::parse(row.range);
    ASSERT_FALSE(range) << row.range;
    EXPECT_EQ(range.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(range.error().message(), HasSubstr("position " + std::to_string(row.position) + ": " + row.message))
        << row.range;
  }
  EXPECT_THAT(VersionRange::parse("1.y", "semver:").error().message(),
              HasSubstr("pattern \"semver:1.y\", position 10:"));
}

TEST(VersionRangeTest, CopiesOutliveTheOriginal) {
  std::optional<VersionRange> copy;
  {
    std::string text = ">=1.0.0-rc.1.that.is.long.enough.for.the.heap";
    const auto range = VersionRange::parse(text);
    ASSERT_TRUE(range);
    copy = *range;
    text.assign(text.size(), 'x');
  }
  EXPECT_TRUE(copy->contains(*Version::parse("1.0.0-rc.2")));
  EXPECT_FALSE(copy->contains(*Version::parse("1.0.0-rc.0")));
}

TEST(NaturalOrderTest, ComparesNumbersAsNumbers) {
  const std::vector<std::string> ascending = {"",
                                              "1",
                                              "1-a",
                                              "1.2",
                                              "1.10",
                                              "2",
                                              "10",
                                              "10a",
                                              "99999999999999999999999",
                                              "100000000000000000000000",
                                              "A",
                                              "a",
                                              "a0",
                                              "a01",
                                              "a1",
                                              "a1b",
                                              "a2",
                                              "a10",
                                              "a010b",
                                              "a10b",
                                              "b",
                                              "build-9",
                                              "build-10",
                                              "\xff"};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t k = 0; k < ascending.size(); ++k) {
      EXPECT_EQ(natural_less(ascending[i], ascending[k]), i < k) << ascending[i] << " and " << ascending[k];
    }
  }
}

TEST(SortByVersionTest, NewestLast) {
  const std::vector<std::string> sorted = {"build-9",    "build-10",    "edge",  "latest", "v1.x",    "0.9",
                                           "1.0.0-rc.2", "1.0.0-rc.10", "1",     "1.0.0",  "v1.0.0",  "1.2.0",
                                           "1.10",       "v2",          "22.10", "24.04",  "20240101"};
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    std::vector<std::string> tags = sorted;
    std::ranges::shuffle(tags, random);
    sort_by_version(tags);
    EXPECT_THAT(tags, ElementsAreArray(sorted));
  }
  std::vector<std::string> none;
  sort_by_version(none);
  EXPECT_TRUE(none.empty());
}

TEST(DigestTagTest, TellsDigestsFromVersions) {
  const std::string hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  for (const std::string suffix : {"", ".sig", ".att", ".sbom"}) {
    EXPECT_TRUE(is_digest_tag("sha256-" + hex + suffix)) << suffix;
    EXPECT_EQ(digest_of_tag("sha256-" + hex + suffix), "sha256:" + hex);
  }
  const std::string upper = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
  for (const std::string& tag :
       {std::string(), std::string("latest"), hex, "sha256-" + hex.substr(1), "sha256-" + hex + "0",
        "sha256-" + hex + ".txt", "sha256-" + hex + ".sig.sig", "sha256:" + hex, "sha512-" + hex, "sha256-" + upper,
        "xsha256-" + hex, "sha256-" + hex + "sig"}) {
    EXPECT_FALSE(is_digest_tag(tag)) << tag;
    EXPECT_EQ(digest_of_tag(tag), std::nullopt) << tag;
  }
}

}  // namespace
}  // namespace freightliner::replicate
