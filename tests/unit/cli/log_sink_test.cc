#include "cli/log_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "cli/cli_fixture.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using ::testing::MatchesRegex;

TEST(LogSink, TextLinesHaveTimeAndLevel) {
  CapturedTerminal captured;
  TerminalLogSink sink(captured.terminal, LogFormat::kText);
  const Logger log(&sink, LogLevel::kInfo);
  log.warn("{} tries left", 3);
  log.debug("not seen");
  EXPECT_THAT(captured.error.take(),
              MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z warning: 3 tries left\n"));
}

TEST(LogSink, JsonLinesParseWhateverTheMessage) {
  CapturedTerminal captured;
  TerminalLogSink sink(captured.terminal, LogFormat::kJson);
  const std::string messages[] = {"plain", "quote \" and \\ and \n newline", "\x1b[2Jcontrol", "bad utf-8 \xff\xfe",
                                  "ümlaut"};
  for (const std::string& message : messages) {
    sink.write(LogLevel::kError, message);
    const std::string line = captured.error.take();
    ASSERT_TRUE(line.ends_with('\n'));
    for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
    const auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed["level"], "error");
    EXPECT_EQ(parsed["message"], printable(message));
    EXPECT_THAT(parsed["time"].get<std::string>(), MatchesRegex("....-..-..T..:..:..\\....Z"));
  }
}

TEST(LogSink, ControlCharactersDoNotReachTheTerminal) {
  CapturedTerminal captured;
  TerminalLogSink sink(captured.terminal, LogFormat::kText);
  sink.write(LogLevel::kWarn, "evil\r\x1b]0;title\x07\n{} %v");
  const std::string line = captured.error.take();
  EXPECT_TRUE(line.ends_with("warning: evil\\x0d\\x1b]0;title\\x07\\x0a{} %v\n")) << line;
}

TEST(LogSink, LinesOfThreadsStayWhole) {
  CapturedTerminal captured;
  TerminalLogSink sink(captured.terminal, LogFormat::kText);
  constexpr int kThreads = 4;
  constexpr int kLines = 50;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int line = 0; line < kLines; ++line) sink.write(LogLevel::kInfo, "abcdefghij");
      });
    }
  }
  const std::string text = captured.error.take();
  int lines = 0;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    ++lines;
    EXPECT_TRUE(line.ends_with(" info: abcdefghij")) << line;
  }
  EXPECT_EQ(lines, kThreads * kLines);
}

TEST(LogSink, TheLineOfAFailure) {
  CapturedTerminal captured;
  write_failure(captured.terminal, LogFormat::kText, "no such\nimage");
  EXPECT_EQ(captured.error.take(), "freightliner: error: no such\\x0aimage\n");
  write_failure(captured.terminal, LogFormat::kJson, "no such image");
  EXPECT_EQ(nlohmann::json::parse(captured.error.take())["message"], "no such image");
}

}  // namespace
}  // namespace freightliner::cli
