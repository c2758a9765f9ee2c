#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "replicate/checkpoint_fixture.h"

namespace freightliner::replicate {
namespace {

using ::testing::HasSubstr;

class CheckpointDamageTest : public CheckpointTest {};

// Each bit of a journal: a flip is found, or breaks off the last line.
TEST_F(CheckpointDamageTest, EveryFlippedBitIsFound) {
  record(3);
  const std::string original = text();
  for (std::size_t i = 0; i < original.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = original;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << bit));
      write(damaged);
      const auto contents = read_checkpoint(path_);
      const auto checkpoint = open();
      ASSERT_EQ(contents.has_value(), checkpoint.has_value()) << "byte " << i;
      if (checkpoint) {
        ASSERT_EQ(i, original.size() - 1) << "byte " << i << ", bit " << bit;
        EXPECT_TRUE(contents->torn);
        EXPECT_EQ((*checkpoint)->finished("team/app", "v1"), digest(1));
        EXPECT_EQ((*checkpoint)->finished("team/app", "v2"), std::nullopt);
      } else {
        ASSERT_EQ(checkpoint.error().code(), ErrorCode::kIntegrity) << "byte " << i << ", bit " << bit;
        ASSERT_EQ(text(), damaged) << "what is refused is left as it is";
      }
    }
  }
}

TEST_F(CheckpointDamageTest, EveryTruncationCostsOneLineAtMost) {
  record(3);
  const std::string original = text();
  const std::size_t header = original.find('\n') + 1;
  for (std::size_t size = 0; size < original.size(); ++size) {
    write(original.substr(0, size));
    auto checkpoint = open();
    if (size > 0 && size < header) {
      ASSERT_FALSE(checkpoint) << size;
      EXPECT_EQ(checkpoint.error().code(), ErrorCode::kIntegrity);
      continue;
    }
    ASSERT_TRUE(checkpoint) << size << ": " << checkpoint.error().describe();
    const auto whole = std::max<std::ptrdiff_t>(std::ranges::count(original.substr(0, size), '\n') - 1, 0);
    for (int i = 0; i < 3; ++i) {
      const auto expected = i < whole ? std::optional(digest(i)) : std::nullopt;
      EXPECT_EQ((*checkpoint)->finished("team/app", "v" + std::to_string(i)), expected) << size;
    }
    ASSERT_TRUE((*checkpoint)->record("team/app", "next", digest(9)));
    checkpoint->reset();
    const auto contents = read_checkpoint(path_);
    ASSERT_TRUE(contents) << size << ": " << contents.error().describe();
    EXPECT_FALSE(contents->torn);
    EXPECT_EQ(contents->entries.size(), static_cast<std::size_t>(whole) + 1);
  }
}

TEST_F(CheckpointDamageTest, DamageIsNamedByItsLine) {
  record(3);
  std::string damaged = text();
  damaged[damaged.find("v1")] = 'w';
  write(damaged);
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("line 3 of"));
  EXPECT_THAT(refused.error().message(), HasSubstr("freightliner checkpoint clear"));
}

std::string summed(const std::string& members) {
  return members + ",\"sum\":\"" + io::digest_of(members).hex().substr(0, 16) + "\"}\n";
}

TEST_F(CheckpointDamageTest, RefusesLinesThatAreNoEntriesThoughTheirSumIsRight) {
  record(0);
  const std::string header = text();
  const std::string hex(64, 'a');
  const std::string good =
      R"({"repository":"a","tag":"b","digest":"sha256:)" + hex + R"(","finished":"2019-12-20T00:00:00.000Z")";
  write(header + summed(good));
  ASSERT_TRUE(read_checkpoint(path_)) << read_checkpoint(path_).error().describe();
  write(header + summed(good + R"(,"later":[1,{"a":null}])"));
  EXPECT_TRUE(read_checkpoint(path_)) << "members that a later version adds are passed over";
  const auto replaced = [&](const std::string& old, const std::string& by) {
    std::string line = good;
    return line.replace(line.find(old), old.size(), by);
  };
  const std::string nested(200, '[');
  for (const std::string& line :
       {replaced("\"a\"", "\"../a\""), replaced("\"b\"", "\"-b\""), replaced("sha256", "md5"), replaced("2019", "2x19"),
        replaced("\"a\"", "1"), replaced("repository", "r"), replaced("{", "["), good + ",\"tag\":\"c\"",
        good + ",\"a\":" + nested, std::string("{\"a\":1"), std::string("{"), std::string()}) {
    write(header + summed(line));
    const auto contents = read_checkpoint(path_);
    ASSERT_FALSE(contents) << line;
    EXPECT_EQ(contents.error().code(), ErrorCode::kIntegrity) << line;
    EXPECT_THAT(contents.error().message(), HasSubstr("line 2 of"));
  }
  write(header + header);
  EXPECT_EQ(open().error().code(), ErrorCode::kIntegrity) << "a header is no entry";
}

TEST_F(CheckpointDamageTest, RefusesALaterFormat) {
  write(summed(R"({"freightliner_checkpoint":3,"anything":"else")"));
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(refused.error().message(), HasSubstr("format 3"));
  EXPECT_TRUE(clear_checkpoint(path_));
}

TEST_F(CheckpointDamageTest, FilesThatAreNoJournalsAreLeftAlone) {
  for (const std::string& content : {std::string("not one\n"), std::string("\n"), std::string("{}"),
                                     std::string("\0\0", 2), std::string(300'000, 'x'), std::string(300'000, '\n')}) {
    write(content);
    EXPECT_EQ(open().error().code(), ErrorCode::kIntegrity);
    EXPECT_EQ(read_checkpoint(path_).error().code(), ErrorCode::kIntegrity);
    EXPECT_EQ(clear_checkpoint(path_).error().code(), ErrorCode::kIntegrity);
    EXPECT_EQ(text(), content);
  }
}

TEST_F(CheckpointDamageTest, ALineWithoutEndIsNotReadIntoMemory) {
  record(1);
  write(text() + std::string(10 * kMiB, 'x'));
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kIntegrity) << "no writer of ours leaves so long a torn line";
}

}  // namespace
}  // namespace freightliner::replicate
