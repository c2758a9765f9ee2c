#include "cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(Terminal, KeepsResultsAndMessagesApart) {
  CapturedTerminal captured;
  ASSERT_TRUE(captured.terminal.print("result\n").has_value());
  captured.terminal.error_line("message");
  EXPECT_EQ(captured.output.take(), "result\n");
  EXPECT_EQ(captured.error.take(), "message\n");
  EXPECT_TRUE(captured.terminal.output_status().has_value());
}

TEST(Terminal, AFullDeviceIsALocalError) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  Pipe error;
  Terminal terminal(full, error.write_end(), environment_of({}));
  const Status printed = terminal.print("result\n");
  ASSERT_FALSE(printed.has_value());
  EXPECT_EQ(printed.error().code(), ErrorCode::kLocalIo);
  EXPECT_THAT(printed.error().describe(), HasSubstr("No space left"));
  EXPECT_FALSE(terminal.output_status().has_value());
  ::close(full);
}

TEST(Terminal, AClosedReaderIsALocalErrorAndStaysOne) {
  std::signal(SIGPIPE, SIG_IGN);
  CapturedTerminal captured;
  captured.output.close_read();
  EXPECT_FALSE(captured.terminal.print("result\n").has_value());
  const Status again = captured.terminal.print("more\n");
  ASSERT_FALSE(again.has_value());
  EXPECT_THAT(again.error().describe(), HasSubstr("Broken pipe"));
  captured.error.close_read();
  captured.terminal.error_line("nobody hears this, and nothing breaks");
}

TEST(Terminal, MessagesStandAboveTheStatusLine) {
  CapturedTerminal captured;
  captured.terminal.set_status("[==>  ]");
  captured.terminal.error_line("warning");
  captured.terminal.set_status("[===> ]");
  captured.terminal.set_status("");
  captured.terminal.error_line("end");
  EXPECT_EQ(captured.error.take(),
            "\r\x1b[K[==>  ]"
            "\r\x1b[Kwarning\n[==>  ]"
            "\r\x1b[K[===> ]"
            "\r\x1b[K"
            "end\n");
}

TEST(Terminal, APipeIsNoTerminal) {
  const CapturedTerminal captured;
  EXPECT_FALSE(captured.terminal.interactive());
  EXPECT_FALSE(captured.terminal.colours());
  EXPECT_EQ(captured.terminal.columns(), 80);
}

TEST(Terminal, HonoursTermAndNoColor) {
  const int pseudo = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(pseudo, 0) << "no pseudo terminal";
  struct Case {
    std::map<std::string, std::string> environment;
    bool interactive;
    bool colours;
  };
  const Case cases[] = {
      {{{"TERM", "xterm"}}, true, true},
      {{{"TERM", "xterm"}, {"NO_COLOR", "1"}}, true, false},
      {{{"TERM", "dumb"}}, false, false},
      {{}, false, false},
  };
  for (const Case& c : cases) {
    const Terminal terminal(pseudo, pseudo, environment_of(c.environment));
    EXPECT_EQ(terminal.interactive(), c.interactive);
    EXPECT_EQ(terminal.colours(), c.colours);
  }
  ::close(pseudo);
}

TEST(Terminal, LastWordsDoNotWaitForAReader) {
  CapturedTerminal captured;
  captured.terminal.last_words("bye");
  EXPECT_EQ(captured.error.take(), "bye\n");

  ::fcntl(captured.error.write_end(), F_SETFL, O_NONBLOCK);
  const std::string block(4096, 'x');
  while (::write(captured.error.write_end(), block.data(), block.size()) > 0) {
  }
  ::fcntl(captured.error.write_end(), F_SETFL, 0);
  captured.terminal.last_words("lost");
  EXPECT_THAT(captured.error.take(), EndsWith("xxx"));
}

TEST(TerminalDeathTest, ClosedStandardDescriptorsAreOccupied) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::close(1);
        Terminal::occupy_standard_descriptors();
        const int next = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        Terminal terminal(1, 2, environment_of({}));
        ::_exit(next > 2 && !terminal.print("x").has_value() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace freightliner::cli
