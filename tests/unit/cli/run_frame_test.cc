#include "cli/run_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <optional>

#include "cli/arguments.h"
#include "cli/cli_fixture.h"
#include "freightliner/runtime/temporary_file.h"

namespace freightliner::cli {
namespace {

using runtime::CleanupKind;
using ::testing::HasSubstr;

Settings settings_of(std::vector<std::string> words) {
  words.insert(words.end(), {"--progress", "none"});
  const auto arguments = parse_arguments(kCopyCommand, words).value();
  return Settings::resolve(kCopyCommand, arguments, environment_of({})).value();
}

struct Case {
  std::vector<std::string> words;
  bool leak;
  int code;
  int expected;
  std::string line;
};

TEST(RunFrame, LeaksAreToldAndMadeAFailureOnRequest) {
  const std::string leak = "leak: temporary file /x/.y.tmp, for ";
  for (const Case& c : {
           Case{{}, false, 0, 0, ""},
           Case{{"--leak-check"}, false, 0, 0, ""},
           Case{{"--leak-check"}, false, 6, 6, ""},
           Case{{}, true, 0, 0, "warning: " + leak},
           Case{{"--leak-check"}, true, 0, 1, "error: " + leak},
           Case{{"--leak-check"}, true, 3, 1, "error: " + leak},
       }) {
    CapturedTerminal captured;
    const Voice voice{.terminal = captured.terminal};
    RunFrame frame(settings_of(c.words), voice, Duration(0));
    bool undone = false;
    runtime::CleanupRegistry::Registration held;
    if (c.leak) {
      held = frame.cleanups().add(CleanupKind::kTemporaryFile, "/x/.y.tmp", [&undone] {
        undone = true;
        return Status();
      });
    }
    EXPECT_EQ(frame.settle(c.code), c.expected);
    EXPECT_EQ(undone, c.leak);
    const std::string text = captured.error.take();
    EXPECT_EQ(text.empty(), c.line.empty()) << text;
    EXPECT_THAT(text, HasSubstr(c.line));
  }
}

TEST(RunFrame, WhatCouldNotBeUndoneIsTold) {
  CapturedTerminal captured;
  const Voice voice{.terminal = captured.terminal};
  RunFrame frame(settings_of({"--leak-check"}), voice, Duration(0));
  for (const char* const name : {"reg.example/a", "reg.example/b"}) {
    const auto held = frame.cleanups().add(CleanupKind::kUploadSession, name,
                                           [] { return Status(fail(ErrorCode::kTemporary, "no answer")); });
  }
  EXPECT_EQ(frame.settle(6), 6);
  EXPECT_THAT(captured.error.take(), HasSubstr("left behind: upload session reg.example/a: no answer (and 1 more)"));
}

// A run whose clean-up hangs ends all the same, without the files that it had begun.
TEST(RunFrameDeathTest, LeavingInHasteStillRemovesFiles) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // The dying process runs this test from its beginning: it is given the directory of this one.
  constexpr char kPlace[] = "FREIGHTLINER_TEST_PLACE";
  std::optional<ScratchDirectory> scratch;
  if (std::getenv(kPlace) == nullptr) ::setenv(kPlace, scratch.emplace().path().c_str(), 1);
  EXPECT_EXIT(
      {
        Terminal terminal(1, 2, environment_of({}));
        const Voice voice{.terminal = terminal};
        RunFrame frame(settings_of({}), voice, Duration(0));
        runtime::CleanupRegistry& cleanups = frame.cleanups();
        const auto directory = io::Directory::open(std::getenv(kPlace)).value();
        const auto file = runtime::TemporaryFile::create(cleanups, directory, "report.json").value();
        const auto session = cleanups.add(CleanupKind::kUploadSession, "reg.example/a", [] { return Status(); });
        ::kill(::getpid(), SIGTERM);
        for (;;) ::pause();
      },
      ::testing::ExitedWithCode(143), "left behind: upload session reg.example/a");
  ::unsetenv(kPlace);
  EXPECT_TRUE(std::filesystem::is_empty(scratch->path()));
}

}  // namespace
}  // namespace freightliner::cli
