#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/foreign_flags.h"

namespace freightliner::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

TEST(Arguments, TakesACommandLineApart) {
  const auto parsed =
      parse_arguments(kCopyCommand, {"--platform", "linux/amd64", "-j4", "alpine", "--platform=linux/arm64", "-n",
                                     "--dest-password-file", "-", "reg.example/alpine"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().describe();
  EXPECT_THAT(parsed->values.at("platform"), ElementsAre("linux/amd64", "linux/arm64"));
  EXPECT_THAT(parsed->values.at("jobs"), ElementsAre("4"));
  EXPECT_THAT(parsed->values.at("dry-run"), ElementsAre("true"));
  EXPECT_THAT(parsed->values.at("dest-password-file"), ElementsAre("-"));
  EXPECT_THAT(parsed->operands, ElementsAre("alpine", "reg.example/alpine"));
  EXPECT_FALSE(parsed->values.contains("retries"));
  EXPECT_FALSE(parsed->help);
}

TEST(Arguments, SwitchesTakeAnExplicitValue) {
  const auto parsed = parse_arguments(kCopyCommand, {"--dry-run=false", "a", "b"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().describe();
  EXPECT_THAT(parsed->values.at("dry-run"), ElementsAre("false"));
}

TEST(Arguments, TwoDashesEndTheOptions) {
  const auto parsed = parse_arguments(kCopyCommand, {"-n", "--", "--src-creds", "-x"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().describe();
  EXPECT_THAT(parsed->operands, ElementsAre("--src-creds", "-x"));
}

TEST(Arguments, HelpIsSeenAnywhere) {
  for (const Words& words : {Words{"--help"}, Words{"-h"}, Words{"a", "--jobs", "4", "--help"}}) {
    const auto parsed = parse_arguments(kCopyCommand, words);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().describe();
    EXPECT_TRUE(parsed->help);
  }
}

TEST(Arguments, RefusesWhatItDoesNotKnow) {
  struct Case {
    Words words;
    std::string message;
  };
  const Case cases[] = {
      {{"--platfrom", "linux/amd64", "a", "b"}, "unknown option --platfrom; did you mean --platform?"},
      {{"--dryrun"}, "did you mean --dry-run?"},
      {{"--zzzzzzzzzzzz"}, "unknown option --zzzzzzzzzzzz; see freightliner help"},
      {{"-z"}, "unknown option -z"},
      {{"-zq"}, "unknown option -z"},
      {{"--src-tls-verify=false"}, "--src-tls-verify is skopeo's name: use --insecure-tls HOST"},
      {{"-a"}, "-a is skopeo's name"},
      {{"--format", "oci", "a", "b"}, "--format is skopeo's name"},
      {{"--jobs"}, "a value is missing: --jobs"},
      {{"a", "b", "-j"}, "a value is missing: --jobs"},
      {{"--jobs=", "a"}, "--jobs: the value is empty"},
      {{"--\x1b[31m"}, "unknown option --\\x1b[31m"},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_arguments(kCopyCommand, c.words);
    ASSERT_FALSE(parsed.has_value()) << c.message;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(parsed.error().describe(), HasSubstr(c.message));
    EXPECT_THAT(parsed.error().describe(), Not(HasSubstr("1 required")));
  }
}

TEST(Arguments, NeverRepeatsAPassword) {
  for (const Words& words :
       {Words{"--src-creds=user:hunter2"}, Words{"--src-creds", "user:hunter2"}, Words{"--src-password=hunter2"},
        Words{"--dest-password", "hunter2", "a", "b"}, Words{"--dest-credentials=user:hunter2"}}) {
    const auto parsed = parse_arguments(kCopyCommand, words);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_THAT(parsed.error().describe(), Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(parse_arguments(kCopyCommand, {"--src-password", "x"}).error().describe(),
              HasSubstr("FREIGHTLINER_SRC_PASSWORD"));
}

TEST(Arguments, EveryForeignFlagIsExplainedAndNoneIsOurs) {
  for (const ForeignName& foreign : foreign_flags()) {
    const auto parsed = parse_arguments(kCopyCommand, {std::string(foreign.name), "a", "b"});
    ASSERT_FALSE(parsed.has_value()) << foreign.name;
    EXPECT_THAT(parsed.error().describe(), HasSubstr(std::string(foreign.name) + " is ")) << foreign.name;
    EXPECT_THAT(parsed.error().describe(), HasSubstr(std::string(foreign.advice)));
  }
}

TEST(Arguments, AdviceNamesOnlyFlagsThatExist) {
  for (const ForeignName& foreign : foreign_flags()) {
    std::string_view rest = foreign.advice;
    for (auto at = rest.find("--"); at != std::string_view::npos; at = rest.find("--")) {
      rest.remove_prefix(at + 2);
      const auto name = rest.substr(0, rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"));
      EXPECT_NE(find_option(name), nullptr) << foreign.name << ": --" << name;
    }
  }
}

TEST(Nearest, FindsTyposAndNothingElse) {
  const std::vector<std::string_view> names = {"platform", "plain-http", "jobs", "output"};
  EXPECT_EQ(nearest("platfrom", names), "platform");
  EXPECT_EQ(nearest("plainhttp", names), "plain-http");
  EXPECT_EQ(nearest("job", names), "jobs");
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest("something-else", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(10'000, 'x'), names), std::nullopt);
}

}  // namespace
}  // namespace freightliner::cli
