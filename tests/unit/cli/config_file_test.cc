#include "cli/config_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ConfigFile, ReadsAFlatMapping) {
  const auto entries = parse_config(
      "# comment\njobs: 4\nplatform: [linux/amd64, linux/arm64]\nplain-http:\n  - reg.internal:5000\ndry-run: yes\n"
      "also-tag: \"1.10\"\n",
      "run.yaml");
  ASSERT_TRUE(entries.has_value()) << entries.error().describe();
  ASSERT_EQ(entries->size(), 5U);
  EXPECT_EQ((*entries)[0].name, "jobs");
  EXPECT_EQ((*entries)[0].line, 2);
  EXPECT_THAT((*entries)[1].values, ElementsAre("linux/amd64", "linux/arm64"));
  EXPECT_THAT((*entries)[2].values, ElementsAre("reg.internal:5000"));
  EXPECT_THAT((*entries)[4].values, ElementsAre("1.10"));
}

TEST(ConfigFile, AnEmptyFileSetsNothing) {
  for (const std::string text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const auto entries = parse_config(text, "run.yaml");
    ASSERT_TRUE(entries.has_value()) << entries.error().describe();
    EXPECT_TRUE(entries->empty());
  }
}

TEST(ConfigFile, ErrorsNameFileAndLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"jobs: 4\njbos: 5\n", "run.yaml:2: unknown key \"jbos\"; did you mean \"jobs\"?"},
      {"\n\nxyzzy: 5\n", "run.yaml:3: unknown key \"xyzzy\""},
      {"jobs: 4\n\njobs: 5\n", "run.yaml:3: \"jobs\" is there twice"},
      {"retries: 1\njobs: many\n", "run.yaml:2: jobs: \"many\" is not a whole number"},
      {"jobs: 4000\n", "run.yaml:1: jobs: 4000 is out of range"},
      {"jobs: [1, 2]\n", "run.yaml:1: jobs: it takes one value, not a list"},
      {"jobs: {a: b}\n", "run.yaml:1: jobs: it takes a value, not a mapping"},
      {"jobs:\n", "run.yaml:1: jobs: it has no value"},
      {"authfile: \"\"\n", "run.yaml:1: authfile: the value is empty"},
      {"dry-run: perhaps\n", "run.yaml:1: dry-run: \"perhaps\" is neither true nor false"},
      {"overwrite: sometimes\n", "run.yaml:1: overwrite: \"sometimes\" is not one of"},
      {"platform: []\n", "run.yaml:1: platform: the list is empty"},
      {"platform: [[a]]\n", "run.yaml:1: platform: every item must be a single value"},
      {"timeout: 5 parsecs\n", "run.yaml:1: timeout: \"5 parsecs\" is not a duration"},
      {"src-password: x\n",
       "run.yaml:1: \"src-password\" does not belong into a configuration file: use src-password-file"},
      {"config: other.yaml\n", "run.yaml:1: \"config\" can't be set in a configuration file"},
      {"format: man\n", "run.yaml:1: \"format\" can't be set in a configuration file"},
      {"- jobs\n", "run.yaml:1: the file must be a mapping"},
      {"just text\n", "run.yaml:1: the file must be a mapping"},
      {"{[a]: b}\n", "run.yaml:1: a key must be the name of an option"},
      {"jobs: 1\n---\njobs: 2\n", "run.yaml: there is more than one YAML document"},
      {",", "run.yaml: there is more than one YAML document in it, or something that is none"},
      {"jobs: 1\n,", "run.yaml:2: "},
      {"]", "run.yaml:1: "},
      {"jobs: 4\nretries: [1\n", "run.yaml:"},
      {"jobs: \"4\n", "run.yaml:"},
      {"jobs: *nobody\n", "run.yaml:1: "},
      {std::string(100'000, '['), "run.yaml:"},
      {std::string("jobs: 4\n\"\x1b[2J\": 1\n"), "run.yaml:2: unknown key \"\\x1b[2J\""},
  };
  for (const auto& [text, message] : cases) {
    const auto entries = parse_config(text, "run.yaml");
    ASSERT_FALSE(entries.has_value()) << message;
    EXPECT_EQ(entries.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(entries.error().describe(), StartsWith(message));
  }
}

TEST(ConfigFile, AliasesDontMakeItLargerThanItIs) {
  const auto with_aliases = [](int count) {
    std::string text = "include-tag:\n  - &a " + std::string(1'000, 'x') + "\n";
    for (int i = 0; i < count; ++i) text += "  - *a\n";
    return text;
  };
  const auto some = parse_config(with_aliases(100), "run.yaml");
  ASSERT_TRUE(some.has_value()) << some.error().describe();
  EXPECT_EQ(some->front().values.size(), 101U);
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) laughs += fmt::format("{}*a{}", k == 0 ? "" : ", ", i - 1);
    laughs += "]\n";
  }
  for (const std::string& text :
       {with_aliases(100'000), laughs, std::string("a: &a [*a]\n"), std::string("&a a: *a\n")}) {
    const auto entries = parse_config(text, "run.yaml");
    ASSERT_FALSE(entries.has_value());
    EXPECT_EQ(entries.error().code(), ErrorCode::kUsage);
  }
  EXPECT_EQ(parse_config("a: &a [*a]\n", "run.yaml").error().describe(),
            "run.yaml: an alias (*name) stands inside of what it names");
  EXPECT_EQ(parse_config(laughs, "run.yaml").error().describe(),
            "run.yaml: with its aliases (*name) written out it is larger than 4.0 MiB");
}

TEST(ConfigFile, AFileThatCantBeReadIsAUsageError) {
  const ScratchDirectory scratch;
  const auto missing = read_config_file(scratch.path() / "missing.yaml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(missing.error().describe(), HasSubstr("missing.yaml"));

  const auto huge = read_config_file(scratch.file("huge.yaml", std::string(1024 * 1024 + 1, '#')));
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().code(), ErrorCode::kUsage);

  const auto good = read_config_file(scratch.file("good.yaml", "jobs: 3\n"));
  ASSERT_TRUE(good.has_value()) << good.error().describe();
  EXPECT_EQ(good->front().values.front(), "3");
}

}  // namespace
}  // namespace freightliner::cli
