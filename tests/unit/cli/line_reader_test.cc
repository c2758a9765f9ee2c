#include "cli/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace freightliner::cli {
namespace {

class LineReaderTest : public ::testing::Test {
 protected:
  LineReaderTest() {
    std::array<int, 2> ends = {};
    EXPECT_EQ(::pipe(ends.data()), 0);
    from_.reset(ends[0]);
    to_.reset(ends[1]);
  }
  void write(const std::string& text) const {
    EXPECT_EQ(::write(to_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  LineReader reader() { return *LineReader::open("-", from_.get()); }
  /// "1:text", "2:too long"; "" at the end.
  std::string next(LineReader& reader) {
    auto line = reader.next(stop_.get_token());
    if (!line) return line.error().describe();
    if (!*line) return {};
    return std::to_string((*line)->number) + ":" + ((*line)->is_too_long ? "too long" : (*line)->text);
  }

  io::UniqueFd from_;
  io::UniqueFd to_;
  std::stop_source stop_;
};

TEST_F(LineReaderTest, GivesALineAsSoonAsItIsThere) {
  LineReader lines = reader();
  write("one\n");
  EXPECT_EQ(next(lines), "1:one");
  write("two\n\nfo");
  EXPECT_EQ(next(lines), "2:two");
  EXPECT_EQ(next(lines), "3:");
  write("ur");
  to_.reset();
  EXPECT_EQ(next(lines), "4:four");
  EXPECT_EQ(next(lines), "");
  EXPECT_EQ(next(lines), "");
}

TEST_F(LineReaderTest, AnEmptyInputHasNoLine) {
  LineReader lines = reader();
  to_.reset();
  EXPECT_EQ(next(lines), "");
}

TEST_F(LineReaderTest, PassesOverWhatIsTooLong) {
  LineReader lines = reader();
  std::thread writer([this] {
    const std::string piece(64 * 1024, 'x');
    for (int i = 0; i < 16; ++i) write(piece);  // just as long as may be
    write("\n");
    for (int i = 0; i < 16; ++i) write(piece);
    write("x\nafter\n");
    for (int i = 0; i < 40; ++i) write(piece);
    to_.reset();
  });
  EXPECT_EQ(next(lines).size(), LineReader::kLongest + 2);
  EXPECT_EQ(next(lines), "2:too long");
  EXPECT_EQ(next(lines), "3:after");
  EXPECT_EQ(next(lines), "4:too long");
  EXPECT_EQ(next(lines), "");
  writer.join();
}

TEST_F(LineReaderTest, AStopEndsTheWaiting) {
  LineReader lines = reader();
  write("one\nhal");
  EXPECT_EQ(next(lines), "1:one");
  std::thread stopper([this] { stop_.request_stop(); });
  EXPECT_EQ(next(lines), "") << "half a line is none";
  stopper.join();
  EXPECT_EQ(next(lines), "");
}

TEST_F(LineReaderTest, TellsWhatCannotBeRead) {
  EXPECT_EQ(LineReader::open("/no/such/file", 0).error().code(), ErrorCode::kNotFound);
  auto directory = LineReader::open("/", 0);
  ASSERT_TRUE(directory);
  const auto line = directory->next({});
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code(), ErrorCode::kLocalIo);
}

}  // namespace
}  // namespace freightliner::cli
