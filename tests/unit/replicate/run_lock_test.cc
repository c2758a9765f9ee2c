#include "freightliner/replicate/run_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include "support/cleanups.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace freightliner::replicate {
namespace {

using test::ManualClock;
using test::TemporaryDirectory;
using ::testing::HasSubstr;

class RunLockTest : public ::testing::Test {
 protected:
  Result<RunLock> acquire(Duration wait = Duration(0)) {
    return RunLock::acquire(test::cleanups(), path_, wait, clock_, never_);
  }

  TemporaryDirectory temporary_;
  std::filesystem::path path_ = temporary_ / "job.lock";
  ManualClock clock_;
  std::stop_token never_;
};

TEST_F(RunLockTest, IsHeldByOneAtATimeAndNamesTheHolder) {
  std::optional<RunLock> first(*acquire());
  EXPECT_EQ(temporary_.read("job.lock"), std::to_string(getpid()) + "\n");
  const auto second = acquire();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kLocked);
  EXPECT_THAT(second.error().message(), HasSubstr(path_.native()));
  EXPECT_THAT(second.error().message(), HasSubstr("process " + std::to_string(getpid())));
  EXPECT_THAT(second.error().message(), HasSubstr("--lock-wait"));
  EXPECT_TRUE(clock_.sleeps().empty()) << "without a wait it ends at once";
  RunLock moved(*std::move(first));
  first.reset();
  EXPECT_FALSE(acquire()) << "the lock went with the move";
}

TEST_F(RunLockTest, IsFreeAfterItsEndAndTheFileStays) {
  { const auto lock = acquire(); }
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_TRUE(acquire());
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(RunLockTest, AShorterProcessIdReplacesALongerText) {
  temporary_.write("job.lock", "99999999999999999999999999999999\n");
  const auto lock = acquire();
  ASSERT_TRUE(lock);
  EXPECT_EQ(temporary_.read("job.lock"), std::to_string(getpid()) + "\n");
}

TEST_F(RunLockTest, TextThatIsNoProcessIdIsNotShown) {
  const auto lock = acquire();
  ASSERT_TRUE(lock);
  for (const std::string text : {"", "\n", "12\x1b[31m", "abc", "1234567890123456789012345678901234567890"}) {
    temporary_.write("job.lock", text, 0600);
    const auto second = acquire();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::kLocked);
    EXPECT_THAT(second.error().message(), ::testing::StartsWith("another run holds"));
  }
}

TEST_F(RunLockTest, WaitsInStepsUntilTheTimeIsUp) {
  const auto first = acquire();
  const auto second = acquire(std::chrono::milliseconds(250));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kLocked);
  using std::chrono::milliseconds;
  EXPECT_THAT(clock_.sleeps(), ::testing::ElementsAre(milliseconds(100), milliseconds(100), milliseconds(50)));
}

TEST_F(RunLockTest, TakesTheLockOnceItIsFree) {
  SystemClock clock;
  std::optional<RunLock> first(*acquire());
  std::jthread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first.reset();
  });
  EXPECT_TRUE(RunLock::acquire(test::cleanups(), path_, std::chrono::seconds(30), clock, never_));
}

TEST_F(RunLockTest, AStopEndsTheWait) {
  const auto first = acquire();
  std::stop_source stop;
  stop.request_stop();
  const auto second = RunLock::acquire(test::cleanups(), path_, std::chrono::hours(1), clock_, stop.get_token());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(RunLock::acquire(test::cleanups(), temporary_ / "free.lock", Duration(0), clock_, stop.get_token()));
}

TEST_F(RunLockTest, TheKernelFreesTheLockOfAKilledHolder) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const io::UniqueFd reader(ready[0]);
  const io::UniqueFd writer(ready[1]);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = acquire();
    static_cast<void>(io::write_all(writer, as_bytes(lock ? "1" : "0")));
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(reader.get(), &answer, 1), 1);
  EXPECT_EQ(answer, '1');
  const auto while_it_runs = acquire();
  ASSERT_FALSE(while_it_runs);
  EXPECT_THAT(while_it_runs.error().message(), HasSubstr("process " + std::to_string(child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(acquire());
}

TEST_F(RunLockTest, TheLockDoesNotPassToProgramsThatAreRun) {
  const auto lock = acquire();
  ASSERT_TRUE(lock);
  int inherited = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != path_) continue;
    const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
    inherited += (flags & FD_CLOEXEC) == 0 ? 1 : 0;
  }
  EXPECT_EQ(inherited, 0);
}

TEST_F(RunLockTest, ARemovedFileLocksNothing) {
  const auto first = acquire();
  std::filesystem::remove(path_);
  EXPECT_TRUE(acquire()) << "the name is free";
}

TEST_F(RunLockTest, RefusesLinksAndWhatIsNoFile) {
  temporary_.write("target", "untouched");
  std::filesystem::create_symlink(temporary_ / "target", temporary_ / "link");
  std::filesystem::create_symlink(temporary_ / "nowhere", temporary_ / "dangling");
  std::filesystem::create_directory(temporary_ / "directory");
  ASSERT_EQ(mkfifo((temporary_ / "pipe").c_str(), 0600), 0);
  for (const std::string name : {"link", "dangling", "directory", "pipe"}) {
    const auto lock = RunLock::acquire(test::cleanups(), temporary_ / name, Duration(0), clock_, never_);
    ASSERT_FALSE(lock) << name;
    EXPECT_EQ(lock.error().code(), ErrorCode::kIntegrity) << name;
  }
  EXPECT_EQ(temporary_.read("target"), "untouched");
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "nowhere"));
}

TEST_F(RunLockTest, AFileOfAnythingElseIsLeftAsItIs) {
  const std::string large(100'000, '1');
  for (const std::string& text : {std::string("my notes\n"), std::string("4711 \n"), std::string("4711\n\n"),
                                  std::string("\n"), std::string("47\0", 3), std::string("-1\n"), large}) {
    temporary_.write("job.lock", text, 0600);
    const auto lock = acquire();
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(lock.error().message(), HasSubstr("--lock"));
    EXPECT_EQ(temporary_.read("job.lock"), text);
  }
  for (const std::string text : {"", "4711\n", "4711"}) {
    temporary_.write("job.lock", text, 0600);
    EXPECT_TRUE(acquire()) << text;
  }
}

TEST_F(RunLockTest, WhereNoFileCanBe) {
  temporary_.write("file", "");
  for (const std::filesystem::path& path : {temporary_ / "missing" / "job.lock", temporary_ / "file" / "job.lock",
                                            temporary_.path() / "", std::filesystem::path("")}) {
    const auto lock = RunLock::acquire(test::cleanups(), path, Duration(0), clock_, never_);
    ASSERT_FALSE(lock) << path;
    EXPECT_EQ(lock.error().code(), ErrorCode::kLocalIo) << path;
  }
}

TEST_F(RunLockTest, RefusesFilesAndDirectoriesOfOthers) {
  if (geteuid() != 0) {
    EXPECT_EQ(RunLock::acquire(test::cleanups(), "/proc/job.lock", Duration(0), clock_, never_).error().code(),
              ErrorCode::kLocalIo);
    return;  // only root can give a file away
  }
  temporary_.write("job.lock", "", 0666);
  ASSERT_EQ(chown(path_.c_str(), 12345, 12345), 0);
  EXPECT_EQ(acquire().error().code(), ErrorCode::kIntegrity);
  const auto directory = temporary_ / "freightliner-0";
  std::filesystem::create_directory(directory);
  ASSERT_EQ(chown(directory.c_str(), 12345, 12345), 0);
  EXPECT_EQ(default_lock_path("a", "b", temporary_.path()).error().code(), ErrorCode::kIntegrity);
}

class DefaultLockPathTest : public ::testing::Test {
 protected:
  std::filesystem::path directory() const { return temporary_ / ("freightliner-" + std::to_string(geteuid())); }
  TemporaryDirectory temporary_;
};

TEST_F(DefaultLockPathTest, DependsOnSourceAndDestination) {
  const auto first = default_lock_path("a:5000/x", "b:5000", temporary_.path());
  ASSERT_TRUE(first) << first.error().describe();
  EXPECT_EQ(first->parent_path(), directory());
  EXPECT_THAT(first->filename().native(), ::testing::MatchesRegex("[0-9a-f]+\\.lock"));
  EXPECT_EQ(*default_lock_path("a:5000/x", "b:5000", temporary_.path()), *first);
  EXPECT_NE(*default_lock_path("b:5000", "a:5000/x", temporary_.path()), *first);
  EXPECT_NE(*default_lock_path("a:5000", "/xb:5000", temporary_.path()), *first);
  struct stat status = {};
  ASSERT_EQ(stat(directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  SystemClock clock;
  EXPECT_TRUE(RunLock::acquire(test::cleanups(), *first, Duration(0), clock, {}));
}

TEST_F(DefaultLockPathTest, RefusesADirectoryThatOthersCanWriteTo) {
  for (const unsigned mode : {0770U, 0707U, 0777U}) {
    std::filesystem::create_directory(directory());
    std::filesystem::permissions(directory(), static_cast<std::filesystem::perms>(mode));
    const auto path = default_lock_path("a", "b", temporary_.path());
    ASSERT_FALSE(path);
    EXPECT_EQ(path.error().code(), ErrorCode::kIntegrity);
    EXPECT_THAT(path.error().message(), HasSubstr("--lock"));
    std::filesystem::remove(directory());
  }
}

TEST_F(DefaultLockPathTest, RefusesLinksAndFiles) {
  std::filesystem::create_directory(temporary_ / "elsewhere");
  std::filesystem::create_directory_symlink(temporary_ / "elsewhere", directory());
  EXPECT_EQ(default_lock_path("a", "b", temporary_.path()).error().code(), ErrorCode::kIntegrity);
  std::filesystem::remove(directory());
  temporary_.write(directory().filename(), "");
  EXPECT_EQ(default_lock_path("a", "b", temporary_.path()).error().code(), ErrorCode::kIntegrity);
}

TEST_F(DefaultLockPathTest, WhereNoDirectoryCanBeMade) {
  const auto path = default_lock_path("a", "b", temporary_ / "missing");
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code(), ErrorCode::kLocalIo);
  EXPECT_THAT(path.error().message(), HasSubstr("--lock"));
}

}  // namespace
}  // namespace freightliner::replicate
