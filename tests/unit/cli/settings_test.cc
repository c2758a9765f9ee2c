#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<Settings> resolve(const std::vector<std::string>& words, const EnvironmentLookup& environment) {
  FL_TRY(const Arguments arguments, parse_arguments(kCopyCommand, words));
  return Settings::resolve(kCopyCommand, arguments, environment);
}

TEST(Settings, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const ScratchDirectory scratch;
  const std::string config = scratch.file("run.yaml", "retries: 7\n");
  const std::map<std::string, std::string> variable = {{"FREIGHTLINER_RETRIES", "8"}};
  struct Case {
    std::vector<std::string> words;
    std::map<std::string, std::string> environment;
    std::uint64_t retries;
    Origin origin;
    std::string where;
  };
  const Case cases[] = {
      {{"--config", config, "--retries", "9"}, variable, 9, Origin::kFlag, "--retries"},
      {{"--config", config}, variable, 8, Origin::kEnvironment, "FREIGHTLINER_RETRIES"},
      {{"--config", config}, {}, 7, Origin::kConfig, config + ":1: retries"},
      {{}, {{"FREIGHTLINER_CONFIG", config}}, 7, Origin::kConfig, config + ":1: retries"},
      {{}, variable, 8, Origin::kEnvironment, "FREIGHTLINER_RETRIES"},
      {{}, {}, 4, Origin::kDefault, "retries"},
      {{}, {{"FREIGHTLINER_RETRIES", ""}}, 4, Origin::kDefault, "retries"},
  };
  for (const Case& c : cases) {
    const auto settings = resolve(c.words, environment_of(c.environment));
    ASSERT_TRUE(settings.has_value()) << settings.error().describe();
    EXPECT_EQ(settings->number("retries"), c.retries);
    EXPECT_EQ(settings->origin("retries"), c.origin);
    EXPECT_EQ(settings->where("retries"), c.where);
  }
}

TEST(Settings, EveryOptionOfCopyCanBeSetByEnvironment) {
  // One good value that is not the default, by kind.
  const auto sample = [](const OptionSpec& option) -> std::string {
    switch (option.kind) {
      case OptionKind::kSwitch:
        return "true";
      case OptionKind::kNumber:
        return "3";
      case OptionKind::kSize:
        return "128KiB";
      case OptionKind::kDuration:
        return "42s";
      case OptionKind::kChoice:
        return std::string(option.choices.substr(option.choices.rfind('|') + 1));
      case OptionKind::kText:
        return "text";
    }
    return {};
  };
  for (const OptionSpec& option : option_table()) {
    // --batch stands for SRC and DST: what is to be copied is said on the command line.
    if ((option.commands & kCopyCommand) == 0 || option.name == "config" || option.name == "batch") continue;
    const auto settings = resolve({}, environment_of({{environment_name(option), sample(option)}}));
    ASSERT_TRUE(settings.has_value()) << settings.error().describe();
    EXPECT_EQ(settings->text(option.name), sample(option)) << option.name;
    EXPECT_EQ(settings->origin(option.name), Origin::kEnvironment) << option.name;
  }
}

TEST(Settings, ListsReplaceEachOtherAndAreNotJoined) {
  const auto environment = environment_of({{"FREIGHTLINER_PLATFORM", "linux/amd64, linux/arm64"}});
  EXPECT_THAT(resolve({}, environment)->values("platform"), ElementsAre("linux/amd64", "linux/arm64"));
  EXPECT_THAT(resolve({"--platform", "linux/s390x"}, environment)->values("platform"), ElementsAre("linux/s390x"));
  EXPECT_THAT(resolve({}, environment_of({}))->values("platform"), IsEmpty());
}

TEST(Settings, ASwitchCanBeTakenBack) {
  const auto environment = environment_of({{"FREIGHTLINER_DRY_RUN", "yes"}});
  EXPECT_TRUE(resolve({}, environment)->on("dry-run"));
  EXPECT_FALSE(resolve({"--dry-run=false"}, environment)->on("dry-run"));
  EXPECT_FALSE(resolve({}, environment_of({}))->on("dry-run"));
}

TEST(Settings, TheForeignVariableComesAfterOurs) {
  EXPECT_EQ(resolve({}, environment_of({{"REGISTRY_AUTH_FILE", "/theirs"}}))->text("authfile"), "/theirs");
  const auto both = environment_of({{"REGISTRY_AUTH_FILE", "/theirs"}, {"FREIGHTLINER_AUTHFILE", "/ours"}});
  EXPECT_EQ(resolve({}, both)->text("authfile"), "/ours");
  EXPECT_EQ(resolve({"--authfile", "/flag"}, both)->text("authfile"), "/flag");
}

TEST(Settings, TypedValues) {
  const auto settings = resolve({"--timeout", "1h30m", "--chunk-size", "64KiB"}, environment_of({}));
  ASSERT_TRUE(settings.has_value()) << settings.error().describe();
  EXPECT_EQ(settings->duration("timeout"), std::chrono::minutes(90));
  EXPECT_EQ(settings->size("chunk-size"), 65536U);
  EXPECT_EQ(settings->size("max-memory"), 0U);
  EXPECT_EQ(settings->text("overwrite"), "changed");
  EXPECT_FALSE(settings->has("jobs"));
  EXPECT_THROW(static_cast<void>(settings->text("format")), std::logic_error);
}

TEST(Settings, APartOfTheInputMayHaveItsOwn) {
  const auto settings = resolve({"--overwrite", "never", "--platform", "linux/amd64"}, environment_of({}));
  ASSERT_TRUE(settings.has_value()) << settings.error().describe();
  const auto own = settings->with({{.name = "platform", .values = {"linux/arm64", "linux/s390x"}}});
  ASSERT_TRUE(own.has_value()) << own.error().describe();
  EXPECT_EQ(own->values("platform"), (std::vector<std::string>{"linux/arm64", "linux/s390x"}));
  EXPECT_EQ(own->text("overwrite"), "never");
  EXPECT_EQ(settings->values("platform"), std::vector<std::string>{"linux/amd64"});
  const auto bad = settings->with({{.name = "overwrite", .values = {"maybe"}}});
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().describe(), ::testing::StartsWith("overwrite: "));
}

TEST(Settings, ErrorsNameTheirSource) {
  const ScratchDirectory scratch;
  struct Case {
    std::vector<std::string> words;
    std::map<std::string, std::string> environment;
    std::string message;
  };
  const Case cases[] = {
      {{"--jobs", "x"}, {}, "--jobs: \"x\" is not a whole number"},
      {{"--jobs", "1", "--jobs", "2"}, {}, "--jobs: given more than once"},
      {{"-n", "--dry-run"}, {}, "--dry-run: given more than once"},
      {{"--dry-run=maybe"}, {}, "--dry-run: \"maybe\" is neither true nor false"},
      {{}, {{"FREIGHTLINER_JOBS", "x"}}, "FREIGHTLINER_JOBS: \"x\" is not a whole number"},
      {{}, {{"FREIGHTLINER_PLATFORM", "linux/amd64,,"}}, "FREIGHTLINER_PLATFORM: the value is empty"},
      {{}, {{"FREIGHTLINER_CONFIG", "/no/such/file.yaml"}}, "/no/such/file.yaml"},
      {{"--config", "/no/such/file.yaml"}, {}, "/no/such/file.yaml"},
      {{"--config", scratch.file("bad.yaml", "jobs: 0\n"), "--jobs", "4"}, {}, "bad.yaml:1: jobs: 0 is out of range"},
      {{"--config", "a", "--config", "b"}, {}, "--config: given more than once"},
  };
  for (const Case& c : cases) {
    const auto settings = resolve(c.words, environment_of(c.environment));
    ASSERT_FALSE(settings.has_value()) << c.message;
    EXPECT_EQ(settings.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(settings.error().describe(), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace freightliner::cli
