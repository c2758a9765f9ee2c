#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "replicate/checkpoint_fixture.h"
#include "replicate/checkpoint_format.h"
#include "support/cleanups.h"

namespace freightliner::replicate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;

TEST_F(CheckpointTest, RemembersAcrossRuns) {
  record(3);
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
  EXPECT_EQ((*checkpoint)->finished("team/app", "v0"), digest(0));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v2"), digest(2));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v3"), std::nullopt);
  EXPECT_EQ((*checkpoint)->finished("team/other", "v0"), std::nullopt);
  EXPECT_EQ(files(), 1U);
}

TEST_F(CheckpointTest, TheLastRecordOfATagCounts) {
  {
    const auto checkpoint = open();
    ASSERT_TRUE((*checkpoint)->record("a", "latest", digest(1)));
    ASSERT_TRUE((*checkpoint)->record("a", "latest", digest(2)));
    EXPECT_EQ((*checkpoint)->finished("a", "latest"), digest(2));
  }
  EXPECT_EQ((*open())->finished("a", "latest"), digest(2));
}

TEST_F(CheckpointTest, RemembersDigestsOfBothAlgorithms) {
  const oci::Digest long_digest = io::digest_of("x", oci::DigestAlgorithm::kSha512);
  ASSERT_TRUE((*open())->record("a", "b", long_digest));
  EXPECT_EQ((*open())->finished("a", "b"), long_digest);
}

TEST_F(CheckpointTest, RefusesToRecordWhatItCouldNotReadAgain) {
  const auto checkpoint = open();
  for (const auto& [repository, tag] : {std::pair("A", "tag"), std::pair("a", "-tag"), std::pair("a\n", "tag"),
                                        std::pair("a", ""), std::pair("", "tag")}) {
    EXPECT_EQ((*checkpoint)->record(repository, tag, digest(1)).error().code(), ErrorCode::kInternal);
  }
  EXPECT_EQ(lines(), 1);
}

TEST_F(CheckpointTest, EntriesGrowOld) {
  record(1);
  clock_.advance(hours(1));
  const auto checkpoint = open(hours(1));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v0"), digest(0)) << "just within the time to live";
  clock_.advance(Duration(1));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v0"), std::nullopt) << "it grew too old during the run";
}

TEST_F(CheckpointTest, WhatComesFromTheFutureDoesNotCount) {
  clock_.advance(hours(2));
  record(1);
  clock_.advance(-hours(1));
  EXPECT_EQ((*open())->finished("team/app", "v0"), std::nullopt) << "the clock was set back: its age is unknown";
}

TEST_F(CheckpointTest, ATimeToLiveBeyondAllTimeIsNoOverflow) {
  record(1);
  EXPECT_EQ((*open(Duration::max()))->finished("team/app", "v0"), digest(0));
}

TEST_F(CheckpointTest, IsRewrittenWhereMoreThanHalfIsOld) {
  record(4);
  clock_.advance(hours(2));
  {
    const auto checkpoint = open();
    for (int i = 10; i < 14; ++i) ASSERT_TRUE((*checkpoint)->record("b", "v" + std::to_string(i), digest(i)));
  }
  const std::string header = text().substr(0, text().find('\n'));
  EXPECT_TRUE(open(hours(1)));
  EXPECT_EQ(lines(), 1 + 8) << "half of it is not more than half";
  {
    const auto checkpoint = open();
    ASSERT_TRUE((*checkpoint)->record("b", "v10", digest(20)));
  }
  const auto checkpoint = open(hours(1));
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(lines(), 1 + 4) << "an entry that a newer one of its tag has replaced is old, too";
  EXPECT_EQ((*checkpoint)->finished("b", "v10"), digest(20));
  EXPECT_EQ((*checkpoint)->finished("b", "v13"), digest(13));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v0"), std::nullopt);
  EXPECT_EQ(text().substr(0, header.size()), header) << "it is the same journal";
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(open().error().code(), ErrorCode::kLocked) << "the lock went over to the new file";
  ASSERT_TRUE((*checkpoint)->record("b", "v30", digest(30)));
  EXPECT_EQ(read_checkpoint(path_)->entries.size(), 5U) << "and records go to it";
}

TEST_F(CheckpointTest, ARewriteKeepsTheMode) {
  record(2);
  std::filesystem::permissions(path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  clock_.advance(hours(48));
  EXPECT_TRUE(open());
  EXPECT_EQ(lines(), 1);
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(CheckpointTest, AHalfWrittenOneOfARunThatWasKilledIsRemoved) {
  temporary_.write(".journal.0123456789abcdef.tmp", "half");
  record(1);
  EXPECT_EQ(files(), 1U);
}

TEST_F(CheckpointTest, RefusesAnotherJob) {
  record(2);
  const std::string before = text();
  const CheckpointBinding own = binding_;
  const std::vector<std::pair<CheckpointBinding, std::string>> others = {
      {{"other", own.destination, own.selection}, "source is src:5000/team, not other"},
      {{own.source, "other", own.selection}, "destination is dst:5000, not other"},
      {{own.source, own.destination, "include x*"}, "filters"}};
  for (const auto& [binding, reason] : others) {
    const auto refused = Checkpoint::open(test::cleanups(), path_, binding, hours(24), clock_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(refused.error().message(), HasSubstr(reason));
    EXPECT_THAT(refused.error().message(), HasSubstr("freightliner checkpoint clear"));
  }
  EXPECT_EQ(text(), before);
}

TEST_F(CheckpointTest, NamesThatAreNotUtf8BindAsWell) {
  binding_.destination = "oci-tree:/tmp/\xff\xfe\n";
  record(1);
  EXPECT_TRUE(open());
  binding_.destination = "oci-tree:/tmp/\xff\xfd\n";
  EXPECT_EQ(open().error().code(), ErrorCode::kUsage);
}

TEST_F(CheckpointTest, RefusesLinksAndWhatIsNoFile) {
  temporary_.write("target", "");
  std::filesystem::create_symlink(temporary_ / "target", temporary_ / "link");
  std::filesystem::create_directory(temporary_ / "directory");
  ASSERT_EQ(mkfifo((temporary_ / "pipe").c_str(), 0600), 0);
  for (const std::string name : {"link", "directory", "pipe"}) {
    path_ = temporary_ / name;
    EXPECT_EQ(open().error().code(), ErrorCode::kIntegrity) << name;
    EXPECT_EQ(read_checkpoint(path_).error().code(), ErrorCode::kIntegrity) << name;
    EXPECT_EQ(clear_checkpoint(path_).error().code(), ErrorCode::kIntegrity) << name;
  }
  EXPECT_EQ(temporary_.read("target"), "");
}

TEST_F(CheckpointTest, WhereNoFileCanBe) {
  temporary_.write("file", "");
  for (const std::filesystem::path& path : {temporary_ / "missing" / "journal", temporary_ / "file" / "journal",
                                            temporary_.path() / "", std::filesystem::path("/proc/journal")}) {
    path_ = path;
    EXPECT_EQ(open().error().code(), ErrorCode::kLocalIo) << path;
  }
}

TEST_F(CheckpointTest, Show) {
  EXPECT_EQ(read_checkpoint(path_).error().code(), ErrorCode::kNotFound);
  {
    const auto checkpoint = open();
    ASSERT_TRUE((*checkpoint)->record("a", "one", digest(1)));
    ASSERT_TRUE((*checkpoint)->record("a", "two", digest(2)));
    clock_.advance(minutes(1));
    ASSERT_TRUE((*checkpoint)->record("a", "one", digest(3)));
    EXPECT_TRUE(read_checkpoint(path_)) << "also while a run has it open";
  }
  const auto contents = read_checkpoint(path_);
  ASSERT_TRUE(contents) << contents.error().describe();
  EXPECT_EQ(contents->source, binding_.source);
  EXPECT_EQ(contents->destination, binding_.destination);
  EXPECT_EQ(contents->selection_digest, io::digest_of(binding_.selection).to_string());
  EXPECT_EQ(contents->created, clock_.wall_time() - minutes(1));
  ASSERT_EQ(contents->entries.size(), 2U);
  EXPECT_EQ(contents->entries[0].tag, "two");
  EXPECT_EQ(contents->entries[1].tag, "one");
  EXPECT_EQ(contents->entries[1].digest, digest(3));
  EXPECT_EQ(contents->entries[1].finished, clock_.wall_time());
  EXPECT_FALSE(contents->torn);
}

TEST_F(CheckpointTest, Clear) {
  EXPECT_EQ(clear_checkpoint(path_).error().code(), ErrorCode::kNotFound);
  {
    const auto checkpoint = open();
    EXPECT_EQ(clear_checkpoint(path_).error().code(), ErrorCode::kLocked);
  }
  EXPECT_TRUE(clear_checkpoint(path_));
  EXPECT_EQ(files(), 0U);
  record(2);
  write(text().substr(0, 150) + "damage\n");
  EXPECT_TRUE(clear_checkpoint(path_)) << "a damaged one can be cleared";
  write("");
  EXPECT_TRUE(clear_checkpoint(path_)) << "so can one that was never begun";
}

TEST_F(CheckpointTest, IsOpenInOneProcessAtATime) {
  const auto first = open();
  ASSERT_TRUE(first);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kLocked);
  EXPECT_THAT(second.error().message(), HasSubstr(path_.native()));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto third = open();
    _exit(!third && third.error().code() == ErrorCode::kLocked ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Each open() here rewrites the journal, so the lock goes from file to file all the time, and one thread clears it.
TEST_F(CheckpointTest, RewritesAndClearsNeverGiveTheLockToTwo) {
  std::atomic<int> holders = 0;
  std::atomic<int> opened = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 150; ++i) {
        if (thread == 0) {
          const Status cleared = clear_checkpoint(path_);
          EXPECT_TRUE(cleared || cleared.error().code() == ErrorCode::kLocked ||
                      cleared.error().code() == ErrorCode::kNotFound);
        }
        const auto checkpoint = open(Duration(0));
        if (!checkpoint) {
          EXPECT_EQ(checkpoint.error().code(), ErrorCode::kLocked) << checkpoint.error().describe();
          continue;
        }
        ++opened;
        EXPECT_EQ(holders.fetch_add(1), 0);
        EXPECT_TRUE((*checkpoint)->record("a", "tag", digest(i)));
        clock_.advance(Duration(1));
        holders.fetch_sub(1);
      }
    });
  }
  threads.clear();
  EXPECT_GT(opened.load(), 0);
  EXPECT_TRUE(open());
  EXPECT_EQ(files(), 1U);
}

TEST_F(CheckpointTest, ManyThreadsRecord) {
  {
    const auto checkpoint = open();
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 250; ++i) {
          const std::string tag = std::to_string(thread) + "-" + std::to_string(i);
          EXPECT_TRUE((*checkpoint)->record("a", tag, digest(i)));
          EXPECT_EQ((*checkpoint)->finished("a", tag), digest(i));
        }
      });
    }
  }
  EXPECT_EQ(read_checkpoint(path_)->entries.size(), 1000U);
}

// Killed at any moment, creation included, a run leaves a journal that the next one goes on with.
TEST_F(CheckpointTest, SurvivesAKillAtAnyMoment) {
  for (int round = 0; round < 25; ++round) {
    path_ = temporary_ / ("journal-" + std::to_string(round));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto checkpoint = open();
      for (int i = 0; checkpoint; ++i) {
        if (!(*checkpoint)->record("a", "v" + std::to_string(i), digest(i))) break;
      }
      for (;;) pause();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(400 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const auto checkpoint = open();
    ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
    const auto contents = read_checkpoint(path_);
    ASSERT_TRUE(contents) << contents.error().describe();
    for (std::size_t i = 0; i < contents->entries.size(); ++i) {
      ASSERT_EQ(contents->entries[i].tag, "v" + std::to_string(i));
      ASSERT_EQ(contents->entries[i].digest, digest(static_cast<int>(i)));
    }
  }
}

// A file size limit is a disk that is full. The child has its own limit.
TEST_F(CheckpointTest, AFullDiskLeavesNoHalfLine) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto checkpoint = open();
    bool failed = false;
    for (int i = 0; checkpoint && i < 20; ++i) {
      const Status recorded = (*checkpoint)->record("a", "v" + std::to_string(i), digest(i));
      failed = failed || (!recorded && recorded.error().code() == ErrorCode::kLocalIo);
    }
    _exit(failed ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const auto contents = read_checkpoint(path_);
  ASSERT_TRUE(contents) << contents.error().describe();
  EXPECT_FALSE(contents->torn);
  EXPECT_GE(contents->entries.size(), 2U);
}

TEST_F(CheckpointTest, HundredThousandEntries) {
  constexpr int kCount = 100'000;
  record(0);
  std::string journal = text();
  for (int i = 0; i < kCount; ++i) {
    journal += journal_line(CheckpointEntry{"team/app", "v" + std::to_string(i), digest(i % 100), clock_.wall_time()});
  }
  write(journal);
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().describe();
  EXPECT_EQ((*checkpoint)->finished("team/app", "v0"), digest(0));
  EXPECT_EQ((*checkpoint)->finished("team/app", "v99999"), digest(99));
  EXPECT_EQ(text(), journal);
}

}  // namespace
}  // namespace freightliner::replicate
