#include "freightliner/io/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "support/temporary_directory.h"

namespace freightliner::io {
namespace {

using test::TemporaryDirectory;

class AtomicFileTest : public ::testing::Test {
 protected:
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(temporary_.path()), {}));
  }
  AtomicFile create(const std::string& name) const {
    auto file = AtomicFile::create(directory_, name);
    EXPECT_TRUE(file);
    return *std::move(file);
  }
  TemporaryDirectory temporary_;
  Directory directory_ = *Directory::open(temporary_.path());
};

TEST_F(AtomicFileTest, AppearsAtCommit) {
  AtomicFile file = create("index.json");
  EXPECT_TRUE(file.write(as_bytes("{\"a\"")));
  EXPECT_TRUE(file.write(as_bytes(":1}")));
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "index.json"));
  const std::string temporary = std::filesystem::directory_iterator(temporary_.path())->path().filename();
  EXPECT_THAT(temporary, ::testing::MatchesRegex("\\.index\\.json\\.[0-9a-f]+\\.tmp"));
  EXPECT_TRUE(file.commit());
  EXPECT_EQ(temporary_.read("index.json"), "{\"a\":1}");
  EXPECT_EQ(entries(), 1U);
  EXPECT_FALSE(file.file());
}

TEST_F(AtomicFileTest, OnlyWhatTheDeadHaveLeftIsSwept) {
  AtomicFile alive = create("blob");
  EXPECT_TRUE(alive.write(as_bytes("half")));
  const pid_t child = fork();
  if (child == 0) {
    const auto left = AtomicFile::create(directory_, "blob");
    _exit(left ? 0 : 1);  // no destructor runs, as after a kill
  }
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  for (const char* name :
       {"index.json", ".lock", ".x.tmp", ".blob.0123456789abcdeG.tmp", "blob.0123456789abcdef.tmp"}) {
    temporary_.write(name, "theirs");
  }
  EXPECT_EQ(entries(), 7U);
  remove_stale_temporaries(directory_);
  EXPECT_EQ(entries(), 6U);
  EXPECT_TRUE(alive.commit());
  EXPECT_EQ(temporary_.read("blob"), "half");
}

TEST_F(AtomicFileTest, InADirectoryOfOthersOnlyItsOwnTemporariesAreSwept) {
  for (const char* name : {".a.tar.0123456789abcdef.tmp", ".a.tar.1123456789abcdef.tmp", ".a.0123456789abcdef.tmp",
                           ".b.a.tar.0123456789abcdef.tmp", ".a.tar.0.0123456789abcdef.tmp", "a.tar"}) {
    temporary_.write(name, "left");
  }
  remove_stale_temporaries_of(directory_, "");
  EXPECT_EQ(entries(), 6U);
  remove_stale_temporaries_of(directory_, "a.tar");
  EXPECT_EQ(entries(), 4U);
}

TEST_F(AtomicFileTest, WritersAndSweepersMeet) {
  std::atomic<bool> done{false};
  std::thread sweeper([&] {
    while (!done) remove_stale_temporaries(directory_);
  });
  for (int i = 0; i < 200; ++i) {
    AtomicFile file = create("blob");
    EXPECT_TRUE(file.write(as_bytes(std::to_string(i))));
    EXPECT_TRUE(file.commit());
    EXPECT_EQ(temporary_.read("blob"), std::to_string(i));
  }
  done = true;
  sweeper.join();
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, MayBeNamedInTheEnd) {
  AtomicFile file = create("stream");
  EXPECT_TRUE(file.write(as_bytes("content")));
  EXPECT_EQ(file.commit_as("a/b").error().code(), ErrorCode::kIntegrity);
  EXPECT_TRUE(file.commit_as("content.txt"));
  EXPECT_EQ(temporary_.read("content.txt"), "content");
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(file.commit_as("again").error().code(), ErrorCode::kInternal);
}

TEST_F(AtomicFileTest, ReplacesWhatIsThereEvenALink) {
  const TemporaryDirectory elsewhere;
  elsewhere.write("target", "untouched");
  std::filesystem::create_symlink(elsewhere / "target", temporary_ / "name");
  AtomicFile file = create("name");
  EXPECT_TRUE(file.write(as_bytes("new")));
  EXPECT_TRUE(file.commit());
  EXPECT_EQ(temporary_.read("name"), "new");
  EXPECT_EQ(elsewhere.read("target"), "untouched");
  EXPECT_FALSE(std::filesystem::is_symlink(temporary_ / "name"));
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  temporary_.write("name", "old");
  {
    AtomicFile file = create("name");
    EXPECT_TRUE(file.write(as_bytes("new")));
    EXPECT_EQ(entries(), 2U);
  }
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(temporary_.read("name"), "old");
  AtomicFile aborted = create("name");
  aborted.abort();
  aborted.abort();
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(aborted.write(as_bytes("x")).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(aborted.commit().error().code(), ErrorCode::kInternal);
}

TEST_F(AtomicFileTest, AbortAfterCommitKeepsTheFile) {
  AtomicFile file = create("name");
  EXPECT_TRUE(file.commit());
  file.abort();
  EXPECT_TRUE(std::filesystem::exists(temporary_ / "name"));
  EXPECT_EQ(file.commit().error().code(), ErrorCode::kInternal);
}

TEST_F(AtomicFileTest, MovesWithItsTemporary) {
  AtomicFile first = create("first");
  AtomicFile second = create("second");
  EXPECT_EQ(entries(), 2U);
  EXPECT_TRUE(second.write(as_bytes("2")));
  first = std::move(second);
  EXPECT_EQ(entries(), 1U) << "the first one's temporary is gone";
  const AtomicFile third(std::move(first));
  EXPECT_EQ(entries(), 1U);
  EXPECT_TRUE(third.file());
}

TEST_F(AtomicFileTest, RefusesNamesThatAreNoFileNames) {
  for (const std::string& name : {std::string("a/b"), std::string("../x"), std::string(".."), std::string("."),
                                  std::string(), std::string("/x"), std::string("a\0b", 3)}) {
    EXPECT_EQ(AtomicFile::create(directory_, name).error().code(), ErrorCode::kIntegrity) << name;
  }
  EXPECT_EQ(AtomicFile::create(directory_, std::string(300, 'x')).error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(AtomicFileTest, HasTheModeAskedFor) {
  const mode_t mask = umask(022);
  auto secret = AtomicFile::create(directory_, "secret", 0600);
  auto plain = AtomicFile::create(directory_, "plain");
  umask(mask);
  ASSERT_TRUE(secret && plain);
  EXPECT_NE(fcntl(secret->file().get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(secret->commit() && plain->commit());
  struct stat status = {};
  ASSERT_EQ(stat((temporary_ / "secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat((temporary_ / "plain").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
}

TEST_F(AtomicFileTest, WhereTheNameIsADirectoryNothingIsLeft) {
  std::filesystem::create_directory(temporary_ / "name");
  AtomicFile file = create("name");
  EXPECT_EQ(file.commit().error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(file.commit().error().code(), ErrorCode::kInternal);
}

TEST_F(AtomicFileTest, AVanishedDirectoryIsALocalFault) {
  AtomicFile file = create("name");
  EXPECT_TRUE(file.write(as_bytes("x")));
  std::filesystem::remove_all(temporary_.path());
  EXPECT_EQ(file.commit().error().code(), ErrorCode::kLocalIo);
  EXPECT_EQ(AtomicFile::create(directory_, "other").error().code(), ErrorCode::kLocalIo);
}

// A file size limit gives a failing write without a full disk. The child has its own limit.
TEST_F(AtomicFileTest, AFailedWriteGivesTheFileUp) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto file = AtomicFile::create(directory_, "name");
    const std::string text(10'000, 'x');
    const bool as_expected = file && !file->write(as_bytes(text)) && !file->file() && !file->commit() &&
                             file->write(as_bytes("x")).error().code() == ErrorCode::kInternal;
    _exit(as_expected ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(entries(), 0U);
}

TEST_F(AtomicFileTest, LargeWrites) {
  const std::string text(20 * kMiB, 'x');
  AtomicFile file = create("large");
  EXPECT_TRUE(file.write(as_bytes(text)));
  EXPECT_TRUE(file.commit());
  EXPECT_EQ(std::filesystem::file_size(temporary_ / "large"), text.size());
}

TEST_F(AtomicFileTest, SyncedAheadItStillAppearsAtCommit) {
  AtomicFile file = create("name");
  ASSERT_TRUE(file.write(as_bytes("one, ")));
  EXPECT_TRUE(file.sync());
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "name"));
  ASSERT_TRUE(file.write(as_bytes("two")));
  EXPECT_TRUE(file.sync());
  EXPECT_TRUE(file.sync()) << "again";
  EXPECT_TRUE(file.commit());
  EXPECT_EQ(temporary_.read("name"), "one, two");
  EXPECT_EQ(file.sync().error().code(), ErrorCode::kInternal);
}

}  // namespace
}  // namespace freightliner::io
