#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "replicate/checkpoint_fixture.h"
#include "replicate/checkpoint_format.h"
#include "support/log_lines.h"

namespace freightliner::replicate {
namespace {

using registry::SavedUpload;
using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Not;

const SavedUpload kSaved{"https://dst:5000/v2/team/app/blobs/uploads/1?_state=s3cret", 300, 500};

oci::Descriptor blob(int number, std::uint64_t size = 1000) {
  return {.media_type = "application/octet-stream", .digest = digest(number), .size = size};
}

class CheckpointUploadTest : public CheckpointTest {
 protected:
  void note(int number, const SavedUpload& upload = kSaved, const std::string& repository = "team/app") {
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
    const Status noted = (*checkpoint)->note(repository, blob(number), upload);
    ASSERT_TRUE(noted) << noted.error().describe();
  }
  std::optional<SavedUpload> take(const oci::Descriptor& wanted, const std::string& repository = "team/app") {
    const auto checkpoint = open();
    EXPECT_TRUE(checkpoint);
    return checkpoint ? (*checkpoint)->take(repository, wanted) : std::nullopt;
  }
  mode_t mode() const {
    struct stat status = {};
    EXPECT_EQ(stat(path_.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }
};

TEST_F(CheckpointUploadTest, AnUploadIsGivenOutOnce) {
  note(1);
  const auto checkpoint = open();
  EXPECT_EQ((*checkpoint)->take("team/app", blob(2)), std::nullopt);
  EXPECT_EQ((*checkpoint)->take("team/other", blob(1)), std::nullopt);
  EXPECT_EQ((*checkpoint)->take("team/app", blob(1)), kSaved);
  EXPECT_EQ((*checkpoint)->take("team/app", blob(1)), std::nullopt);
}

TEST_F(CheckpointUploadTest, WhatARunNotesIsForLaterRuns) {
  const auto checkpoint = open();
  ASSERT_TRUE((*checkpoint)->note("team/app", blob(1), kSaved));
  EXPECT_EQ((*checkpoint)->take("team/app", blob(1)), std::nullopt);
}

TEST_F(CheckpointUploadTest, OneThatWasGivenOutIsThereAgainAfterAKill) {
  note(1);
  EXPECT_EQ(take(blob(1)), kSaved);
  EXPECT_EQ(take(blob(1)), kSaved) << "its taker noted nothing";
}

TEST_F(CheckpointUploadTest, TheLastLineCounts) {
  note(1);
  const SavedUpload later{"https://dst:5000/2", 500, 1000};
  note(1, later);
  EXPECT_EQ(take(blob(1)), later);
  ASSERT_TRUE((*open())->ended("team/app", digest(1)));
  EXPECT_EQ(take(blob(1)), std::nullopt);
  note(1);
  EXPECT_EQ(take(blob(1)), kSaved);
}

TEST_F(CheckpointUploadTest, ABlobOfAnotherSizeIsNotTheOne) {
  note(1);
  EXPECT_EQ(take(blob(1, 1001)), std::nullopt);
}

TEST_F(CheckpointUploadTest, UploadsHaveAnAgeOfTheirOwn) {
  note(1);
  clock_.advance(hours(7 * 24));
  EXPECT_EQ((*open(hours(1)))->take("team/app", blob(1)), kSaved) << "the time to live is that of tags";
  clock_.advance(Duration(1));
  EXPECT_EQ((*open(hours(24 * 365)))->take("team/app", blob(1)), std::nullopt) << "no registry knows it any more";
}

TEST_F(CheckpointUploadTest, OneFromTheFutureDoesNotCount) {
  clock_.advance(hours(2));
  note(1);
  clock_.advance(-hours(1));
  EXPECT_EQ(take(blob(1)), std::nullopt);
}

TEST_F(CheckpointUploadTest, TagsAndUploadsShareAJournal) {
  record(2);
  note(1);
  record(1);
  const auto checkpoint = open();
  EXPECT_EQ((*checkpoint)->finished("team/app", "v1"), digest(1));
  EXPECT_EQ((*checkpoint)->take("team/app", blob(1)), kSaved);
}

TEST_F(CheckpointUploadTest, ARewriteKeepsWhatIsOpen) {
  note(1);
  {
    const auto checkpoint = open();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE((*checkpoint)->note("team/app", blob(2), kSaved));
    ASSERT_TRUE((*checkpoint)->ended("team/app", digest(2)));
    ASSERT_TRUE((*checkpoint)->record("team/app", "v1", digest(9)));
  }
  ASSERT_EQ(lines(), 8);
  const auto checkpoint = open();
  EXPECT_EQ(lines(), 3) << "the header, the open upload, the tag";
  EXPECT_EQ((*checkpoint)->take("team/app", blob(1)), kSaved);
  EXPECT_EQ((*checkpoint)->finished("team/app", "v1"), digest(9));
}

TEST_F(CheckpointUploadTest, OnlyItsOwnerMayReadIt) {
  const mode_t before = umask(0);
  note(1);
  umask(before);
  EXPECT_EQ(mode(), 0600U);
  for (const mode_t open_to_others : {0644U, 0640U, 0604U, 0601U}) {
    ASSERT_EQ(chmod(path_.c_str(), open_to_others), 0);
    struct stat old = {};
    ASSERT_EQ(stat(path_.c_str(), &old), 0);
    EXPECT_EQ(take(blob(1)), kSaved);
    EXPECT_EQ(mode(), 0600U);
    struct stat now = {};
    ASSERT_EQ(stat(path_.c_str(), &now), 0);
    EXPECT_NE(old.st_ino, now.st_ino) << "somebody may have the old file open";
  }
  EXPECT_EQ(files(), 1U);
}

TEST_F(CheckpointUploadTest, WhatOthersMayHaveWrittenIsNotFollowed) {
  for (const mode_t writable : {0660U, 0606U, 0620U}) {
    note(1);
    ASSERT_TRUE((*open())->record("team/app", "v1", digest(9)));
    ASSERT_EQ(chmod(path_.c_str(), writable), 0);
    EXPECT_EQ(take(blob(1)), std::nullopt);
    EXPECT_EQ(take(blob(1)), std::nullopt) << "nor by a later run";
    EXPECT_EQ((*open())->finished("team/app", "v1"), std::nullopt);
    EXPECT_EQ(mode(), 0600U);
    EXPECT_EQ(lines(), 1) << "the header";
  }
}

TEST_F(CheckpointUploadTest, WhatOthersMayHaveWrittenIsTold) {
  test::LogLines log;
  const auto open_logged = [&] {
    return Checkpoint::open(test::cleanups(), path_, binding_, std::chrono::hours(24), clock_, log.logger());
  };
  ASSERT_TRUE((*open())->record("team/app", "v1", digest(9)));
  EXPECT_EQ((*open_logged())->finished("team/app", "v1"), digest(9));
  EXPECT_TRUE(log.all().empty());
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  ASSERT_TRUE((*open_logged())->record("team/app", "v2", digest(8)));
  EXPECT_THAT(log.all(), ::testing::ElementsAre(HasSubstr("other users could have written to the checkpoint")));
  EXPECT_EQ((*open_logged())->finished("team/app", "v2"), digest(8)) << "which is ours alone again";
  EXPECT_EQ(log.all().size(), 1U);
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  binding_.source = "other";
  const std::string before = text();
  EXPECT_EQ(open_logged().error().code(), ErrorCode::kUsage) << "another job's is not replaced";
  EXPECT_EQ(text(), before);
}

TEST_F(CheckpointUploadTest, AnEmptyFileOfAnotherModeToo) {
  write("");
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  note(1);
  EXPECT_EQ(mode(), 0600U);
}

TEST_F(CheckpointUploadTest, ShowKeepsTheSecret) {
  note(2, {kSaved.location, 0, 1000});
  note(1);
  note(3);
  ASSERT_TRUE((*open())->ended("team/app", digest(3)));
  const auto contents = read_checkpoint(path_);
  ASSERT_TRUE(contents) << contents.error().describe();
  ASSERT_EQ(contents->uploads.size(), 2U);
  for (const CheckpointUpload& upload : contents->uploads) {
    EXPECT_EQ(upload.repository, "team/app");
    EXPECT_EQ(upload.size, 1000U);
    EXPECT_EQ(upload.offset, upload.digest == digest(1) ? 300U : 0U);
    EXPECT_EQ(upload.noted, clock_.wall_time());
  }
}

TEST_F(CheckpointUploadTest, ALocationThatCouldNotBeReadAgainIsNotNoted) {
  note(1, {"https://dst/" + std::string(kMaxNotedLocation - 12, '"'), 0, 1});
  EXPECT_EQ(lines(), 2);
  EXPECT_TRUE(take(blob(1))) << "the longest one, and escaped";
  for (const std::string& location :
       {std::string(kMaxNotedLocation + 1, 'a'), std::string(), std::string("https://dst/\xff"),
        std::string("https://dst/a b"), std::string("https://dst/\n"), std::string("https://dst/\x7f")}) {
    note(2, {location, 0, 1});
  }
  EXPECT_EQ(lines(), 2);
}

TEST_F(CheckpointUploadTest, RefusesNamesThatItCouldNotReadAgain) {
  const auto checkpoint = open();
  EXPECT_EQ((*checkpoint)->note("Team", blob(1), kSaved).error().code(), ErrorCode::kInternal);
  EXPECT_EQ((*checkpoint)->ended("", digest(1)).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(lines(), 1);
}

std::string summed(const std::string& members) {
  return members + ",\"sum\":\"" + io::digest_of(members).hex().substr(0, 16) + "\"}\n";
}

TEST_F(CheckpointUploadTest, AJournalOfTheFirstFormatIsTakenOver) {
  record(2);
  const std::string journal = text();
  const std::string rest = journal.substr(journal.find('\n') + 1);
  std::string header = journal.substr(0, journal.find(",\"sum\":"));
  header.replace(header.find(":2,"), 3, ":1,");
  write(summed(header) + rest);
  EXPECT_EQ(read_checkpoint(path_)->entries.size(), 2U) << "showing it changes nothing";
  EXPECT_THAT(text(), HasSubstr("\"freightliner_checkpoint\":1,"));
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
  EXPECT_EQ(text(), journal);
  EXPECT_EQ((*checkpoint)->finished("team/app", "v1"), digest(1));
}

// Each bit of a line with an upload, and each place where it may break off.
TEST_F(CheckpointUploadTest, DamageIsFound) {
  record(0);
  const std::size_t start = text().size();
  note(1);
  const std::string original = text();
  for (std::size_t i = start; i + 1 < original.size(); ++i) {
    std::string damaged = original;
    damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << (i % 8)));
    write(damaged);
    const auto contents = read_checkpoint(path_);
    ASSERT_FALSE(contents) << "byte " << i;
    ASSERT_EQ(contents.error().code(), ErrorCode::kIntegrity);
    ASSERT_THAT(contents.error().message(), Not(HasSubstr("s3cret")));
    write(original.substr(0, i));
    const auto broken_off = read_checkpoint(path_);
    ASSERT_TRUE(broken_off) << "byte " << i;
    ASSERT_TRUE(broken_off->uploads.empty());
  }
}

TEST_F(CheckpointUploadTest, RefusesLinesThatAreNoUploadsThoughTheirSumIsRight) {
  record(0);
  const std::string header = text();
  const std::string hex(64, 'a');
  const std::string good =
      R"({"upload":"sha256:)" + hex +
      R"(","repository":"a","size":9,"offset":3,"reach":5,"location":"http://h/x","noted":"2019-12-20T00:00:00.000Z")";
  write(header + summed(good));
  ASSERT_TRUE(read_checkpoint(path_)) << read_checkpoint(path_).error().describe();
  EXPECT_EQ(read_checkpoint(path_)->uploads.size(), 1U);
  const auto replaced = [&](const std::string& old, const std::string& by) {
    std::string line = good;
    return line.replace(line.find(old), old.size(), by);
  };
  for (const std::string& line :
       {replaced("sha256:", "md5:"), replaced("\"a\"", "\"../a\""), replaced("\"repository\"", "\"r\""),
        replaced(":9", ":4"), replaced(":9", ":-9"), replaced(":9", ":9.5"), replaced(":9", ":18446744073709551616"),
        replaced(":9", ":\"9\""), replaced(":3", ":6"), replaced("\"reach\"", "\"r\""), replaced("\"offset\"", "\"o\""),
        replaced("\"http://h/x\"", "\"\""), replaced("\"http://h/x\"", "7"),
        replaced("http://h/x", std::string(kMaxNotedLocation + 1, 'x')), replaced("\"noted\"", "\"n\""),
        replaced("2019", "2x19"), replaced("\"sha256:" + hex + "\"", "[]")}) {
    write(header + summed(line));
    const auto contents = read_checkpoint(path_);
    ASSERT_FALSE(contents) << line;
    EXPECT_EQ(contents.error().code(), ErrorCode::kIntegrity) << line;
    EXPECT_THAT(contents.error().message(), HasSubstr("line 2 of"));
    EXPECT_THAT(contents.error().message(), Not(HasSubstr("//h/x")));
  }
}

}  // namespace
}  // namespace freightliner::replicate
