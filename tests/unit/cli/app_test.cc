#include "freightliner/cli/app.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Outcome {
  int code;
  std::string output;
  std::string error;
};

Outcome run_with(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment = {}) {
  CapturedTerminal captured;
  const int code = run(arguments, environment_of(environment), captured.terminal);
  return {.code = code, .output = captured.output.take(), .error = captured.error.take()};
}

TEST(App, AnswersQuestionsOnStandardOutput) {
  struct Case {
    std::vector<std::string> arguments;
    std::string expected;
  };
  const Case cases[] = {
      {{"--version"}, "freightliner "},
      {{"version"}, "freightliner "},
      {{"--help"}, "Commands:"},
      {{"-h"}, "Commands:"},
      {{"help"}, "Commands:"},
      {{"--help", "copy"}, "Usage: freightliner copy [OPTIONS] SRC DST"},
      {{"help", "copy"}, "Usage: freightliner copy [OPTIONS] SRC DST"},
      {{"copy", "--help"}, "Usage: freightliner copy [OPTIONS] SRC DST"},
      {{"copy", "a", "-h"}, "Usage: freightliner copy [OPTIONS] SRC DST"},
      {{"docs"}, "# Command line reference"},
      {{"docs", "--format", "man"}, ".TH FREIGHTLINER 1"},
      {{"docs", "--help"}, "Usage: freightliner docs [OPTIONS]"},
      {{"version", "--help"}, "Usage: freightliner version"},
      {{"report", "--help"}, "Usage: freightliner report [OPTIONS] FILE"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = run_with(c.arguments);
    EXPECT_EQ(outcome.code, 0) << c.expected;
    EXPECT_THAT(outcome.output, HasSubstr(c.expected));
    EXPECT_EQ(outcome.error, "");
  }
}

TEST(App, TooFewDescriptorsAreNoBug) {
  CapturedTerminal captured;
  rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const int next = dup(STDERR_FILENO);
  ASSERT_GE(next, 0);
  const rlimit none_left = {.rlim_cur = static_cast<rlim_t>(next), .rlim_max = old.rlim_max};
  ASSERT_EQ(close(next), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  const int code = run({"copy", "oci:a:b", "oci:c:d"}, environment_of({}), captured.terminal);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(code, 11);
  EXPECT_THAT(captured.error.take(), AllOf(StartsWith("freightliner: error: "), HasSubstr("Too many open files")));
}

TEST(App, UsageErrorsAreOneLineAndTwo) {
  struct Case {
    std::vector<std::string> arguments;
    std::string expected;
  };
  const Case cases[] = {
      {{}, "what shall be done? See freightliner --help"},
      {{"cpoy"}, "unknown command \"cpoy\"; did you mean copy?"},
      {{"cp", "a", "b"}, "cp is crane's name: use freightliner copy SRC DST"},
      {{"frobnicate"}, "unknown command \"frobnicate\"; see freightliner --help"},
      {{"--jobs", "4", "copy"}, "the command comes first, then its options: freightliner copy --jobs"},
      {{"help", "frobnicate"}, "there is no command \"frobnicate\""},
      {{"help", "copy", "docs"}, "help takes one command"},
      {{"version", "x"}, "version takes no arguments"},
      {{"version", "--jobs", "4"}, "unknown option --jobs"},
      {{"docs", "x"}, "docs takes no arguments"},
      {{"docs", "--format", "pdf"}, "--format: \"pdf\" is not one of markdown, man"},
      {{"report"}, "report takes FILE, and 0 were given"},
      {{"report", "a", "b"}, "report takes FILE, and 2 were given"},
      {{"report", "--plot", "a"}, "unknown option --plot"},
      {{"copy"}, "copy takes SRC and DST"},
      {{"copy", "alpine"}, "only one was given"},
      {{"copy", "a", "b", "c"}, "3 were given"},
      {{"copy", "--jobs", "0", "a", "b"}, "--jobs: 0 is out of range"},
      {{"copy", "ALPINE", "oci:x"}, "SRC: "},
      {{"copy", "alpine", "docker-daemon:x"}, "DST: "},
      {{"copy", "--platform", "linux", "alpine", "oci:x"}, "--platform: "},
  };
  for (const Case& c : cases) {
    const Outcome outcome = run_with(c.arguments);
    EXPECT_EQ(outcome.code, 2) << c.expected;
    EXPECT_EQ(outcome.output, "") << c.expected;
    EXPECT_THAT(outcome.error, StartsWith("freightliner: error: "));
    EXPECT_THAT(outcome.error, HasSubstr(c.expected));
    EXPECT_EQ(outcome.error.find('\n'), outcome.error.size() - 1) << outcome.error;
  }
}

TEST(App, FailuresAreJsonWhereJsonIsWanted) {
  const std::pair<std::vector<std::string>, std::map<std::string, std::string>> cases[] = {
      {{"copy", "--output", "json", "--no-such-option", "a", "b"}, {}},
      {{"copy", "--output=json", "--jobs", "0", "a", "b"}, {}},
      {{"copy", "--jobs", "0", "a", "b"}, {{"FREIGHTLINER_OUTPUT", "json"}}},
      {{"copy", "--output", "json", "ALPINE", "b"}, {}},
  };
  for (const auto& [arguments, environment] : cases) {
    const Outcome outcome = run_with(arguments, environment);
    EXPECT_EQ(outcome.code, 2);
    const auto json = nlohmann::json::parse(outcome.output);
    EXPECT_EQ(json["error"]["class"], "usage");
    EXPECT_EQ(json["error"]["exit_code"], 2);
    EXPECT_THAT(outcome.error, StartsWith("freightliner: error: "));
  }
}

TEST(App, ClosedStandardOutputIsNeverAFalseZero) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--version"}, {"--help"}, {"docs"}, {"copy", "--help"}}) {
    CapturedTerminal captured;
    captured.output.close_read();
    EXPECT_EQ(run(arguments, environment_of({}), captured.terminal), 11);
    EXPECT_THAT(captured.error.take(), HasSubstr("write to standard output: Broken pipe"));
  }
}

TEST(App, AMissingLayoutIsNotFound) {
  const ScratchDirectory scratch;
  const std::string missing = "oci:" + (scratch.path() / "missing").string();
  const Outcome outcome = run_with({"copy", "--output", "json", missing, "oci:" + (scratch.path() / "out").string()});
  EXPECT_EQ(outcome.code, 5) << outcome.error;
  const auto json = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(json["error"]["class"], "not_found");
  EXPECT_EQ(json["source"], missing);
}

}  // namespace
}  // namespace freightliner::cli
