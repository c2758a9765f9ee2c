#include "cli/reference_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {
namespace {

using ::testing::HasSubstr;

std::string documentation(const std::string& name) {
  const auto path = std::filesystem::path(FREIGHTLINER_DOCS) / name;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ReferenceText, TheDocumentationIsUpToDate) {
  EXPECT_EQ(documentation("CLI.md"), reference_markdown()) << "run: freightliner docs > docs/CLI.md";
  EXPECT_EQ(documentation("freightliner.1"), reference_man())
      << "run: freightliner docs --format man > docs/freightliner.1";
}

TEST(ReferenceText, EveryExitCodeIsInItsDocument) {
  const std::string text = documentation("EXIT_CODES.md");
  for (const ExitCodeText& exit : exit_code_texts()) EXPECT_THAT(text, HasSubstr("| " + std::string(exit.code) + " |"));
}

TEST(ReferenceText, EveryOptionIsEverywhere) {
  for (const Command& command : commands()) {
    const std::string help = command_help(command);
    for (const OptionSpec& option : option_table()) {
      if ((option.commands & command.id) == 0) continue;
      const bool flag = (option.sources & kFromFlag) != 0;
      const std::string name = flag ? "--" + std::string(option.name) : environment_name(option);
      EXPECT_THAT(help, HasSubstr(name));
      EXPECT_THAT(reference_markdown(), HasSubstr(name));
    }
  }
}

TEST(ReferenceText, HelpFitsAScreen) {
  for (const Command& command : commands()) {
    const std::string help = command_help(command);
    for (const std::string_view line : split(help, '\n')) {
      EXPECT_LE(line.size(), 110U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
  EXPECT_THAT(program_help(), HasSubstr("freightliner COMMAND"));
}

TEST(ReferenceText, TheManualPageHasNoStrayControlLines) {
  const std::string page = reference_man();
  for (const std::string_view line : split(page, '\n')) {
    EXPECT_FALSE(line.starts_with('\'')) << line;
    if (line.starts_with('.')) {
      EXPECT_THAT(std::string(line.substr(0, 3)), ::testing::ContainsRegex("^\\.([A-Z]|fi|nf|\\\\)"));
    }
  }
}

}  // namespace
}  // namespace freightliner::cli
