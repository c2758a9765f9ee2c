#include "freightliner/cli/option_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "cli/foreign_flags.h"

namespace freightliner::cli {
namespace {

TEST(OptionTable, NamesAndLettersAreUniqueAndEntriesComplete) {
  std::set<std::string_view> names;
  std::set<char> letters;
  for (const OptionSpec& option : option_table()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    if (option.letter != '\0') {
      EXPECT_TRUE(letters.insert(option.letter).second) << option.name;
    }
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_TRUE(option.help.ends_with('.') || option.help.ends_with(')')) << option.name;
    EXPECT_EQ(option.value_name.empty(), option.kind == OptionKind::kSwitch) << option.name;
    EXPECT_EQ(option.choices.empty(), option.kind != OptionKind::kChoice) << option.name;
    EXPECT_NE(option.commands, 0U) << option.name;
    EXPECT_EQ(find_option(option.name), &option);
  }
  EXPECT_EQ(find_option("no-such-option"), nullptr);
}

TEST(OptionTable, DefaultsAreValidThemselves) {
  for (const OptionSpec& option : option_table()) {
    if (option.default_value.empty()) continue;
    const Status checked = check_value(option, option.default_value);
    EXPECT_TRUE(checked.has_value()) << option.name << ": " << checked.error().describe();
  }
}

TEST(OptionTable, GroupsStandTogether) {
  std::set<OptionGroup> closed;
  OptionGroup current = option_table().front().group;
  for (const OptionSpec& option : option_table()) {
    if (option.group != current) closed.insert(current);
    current = option.group;
    EXPECT_FALSE(closed.contains(current)) << option.name;
  }
}

TEST(OptionTable, SecretsCantBeGivenByFlagOrFile) {
  int secrets = 0;
  for (const OptionSpec& option : option_table()) {
    if (!option.secret) continue;
    ++secrets;
    EXPECT_EQ(option.sources, static_cast<unsigned>(kFromEnvironment)) << option.name;
    EXPECT_TRUE(explain_foreign_flag("--" + std::string(option.name)).has_value()) << option.name;
  }
  EXPECT_EQ(secrets, 2);
}

TEST(OptionTable, EnvironmentNames) {
  EXPECT_EQ(environment_name(*find_option("src-username")), "FREIGHTLINER_SRC_USERNAME");
  EXPECT_EQ(environment_name(*find_option("jobs")), "FREIGHTLINER_JOBS");
}

TEST(OptionTable, ChecksValuesByKind) {
  struct Case {
    std::string_view option;
    std::string_view value;
    bool good;
  };
  const Case cases[] = {
      {"jobs", "1", true},
      {"jobs", "64", true},
      {"jobs", "0", false},
      {"jobs", "65", false},
      {"jobs", "-1", false},
      {"jobs", "4.5", false},
      {"jobs", "four", false},
      {"jobs", "4 ", false},
      {"jobs", "", false},
      {"jobs", "99999999999999999999", false},
      {"retries", "0", true},
      {"retries", "101", false},
      {"chunk-size", "0", true},
      {"chunk-size", "5MiB", true},
      {"chunk-size", "65GiB", false},
      {"chunk-size", "-5", false},
      {"timeout", "1h30m", true},
      {"timeout", "0", true},
      {"timeout", "1 week", false},
      {"stall-timeout", "1ms", false},
      {"connect-timeout", "15", true},
      {"overwrite", "never", true},
      {"overwrite", "Never", false},
      {"overwrite", "nev", false},
      {"dry-run", "true", true},
      {"dry-run", "OFF", true},
      {"dry-run", "maybe", false},
      {"authfile", "x", true},
      {"authfile", "", false},
      {"authfile", {"a\0b", 3}, false},
  };
  for (const Case& c : cases) {
    const OptionSpec* option = find_option(c.option);
    ASSERT_NE(option, nullptr) << c.option;
    const Status checked = check_value(*option, c.value);
    EXPECT_EQ(checked.has_value(), c.good) << c.option << " = " << c.value;
    if (!checked) {
      EXPECT_EQ(checked.error().code(), ErrorCode::kUsage);
    }
  }
}

TEST(OptionTable, RangeErrorsNameTheLimitsInTheUnitOfTheOption) {
  EXPECT_EQ(check_value(*find_option("jobs"), "0").error().describe(), "0 is out of range: from 1 to 64");
  EXPECT_EQ(check_value(*find_option("chunk-size"), "65GiB").error().describe(),
            "65GiB is out of range: from 0 B to 64.0 GiB");
  EXPECT_NE(check_value(*find_option("overwrite"), "x").error().describe().find("always, changed, never"),
            std::string::npos);
}

}  // namespace
}  // namespace freightliner::cli
