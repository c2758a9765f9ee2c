#include "freightliner/io/file_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "support/log_lines.h"
#include "support/temporary_directory.h"

namespace freightliner::io {
namespace {

using test::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileLockTest : public ::testing::Test {
 protected:
  TemporaryDirectory temporary_;
  Directory directory_ = *Directory::open(temporary_.path());
};

TEST_F(FileLockTest, IsHeldByOneAtATime) {
  const std::stop_token never;
  auto first = FileLock::acquire(directory_, "lock", never);
  ASSERT_TRUE(first);
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    stop.request_stop();
  });
  const auto refused = FileLock::acquire(directory_, "lock", stop.get_token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kCancelled);
  EXPECT_THAT(refused.error().message(), HasSubstr("lock"));
}

TEST_F(FileLockTest, WaitsUntilItIsFree) {
  const std::stop_token never;
  std::atomic<int> guarded = 0;  // atomic for ThreadSanitizer, which knows no flock; read and written apart
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto lock = FileLock::acquire(directory_, "lock", never);
      ASSERT_TRUE(lock);
      const int before = guarded.load();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      guarded.store(before + 1);
    });
  }
  threads.clear();
  EXPECT_EQ(guarded.load(), 4);
  EXPECT_TRUE(std::filesystem::exists(temporary_ / "lock")) << "the lock file stays";
}

TEST_F(FileLockTest, TheKernelFreesTheLockOfAKilledHolder) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const UniqueFd reader(ready[0]);
  UniqueFd writer(ready[1]);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = FileLock::acquire(directory_, "lock", std::stop_token());
    static_cast<void>(write_all(writer, as_bytes(lock ? "1" : "0")));
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(reader.get(), &answer, 1), 1);
  EXPECT_EQ(answer, '1');
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(FileLock::acquire(directory_, "lock", stop.get_token()));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::acquire(directory_, "lock", stop.get_token())) << "a free lock is taken at once";
}

TEST_F(FileLockTest, RefusesLinksAndBadNames) {
  std::filesystem::create_symlink("elsewhere", temporary_ / "link");
  EXPECT_EQ(FileLock::acquire(directory_, "link", {}).error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(FileLock::acquire(directory_, "../lock", {}).error().code(), ErrorCode::kIntegrity);
  std::filesystem::create_directory(temporary_ / "directory");
  EXPECT_EQ(FileLock::acquire(directory_, "directory", {}).error().code(), ErrorCode::kLocalIo);
}

// Who may only read the file can lock it, and a holder may hang: no run waits for that for ever.
TEST_F(FileLockTest, AWaitEndsAndIsTold) {
  std::filesystem::create_directory(temporary_ / "inner");
  const Directory inner = *Directory::open(temporary_ / "inner");
  const std::stop_token never;
  test::LogLines lines;
  const LockPatience patience{.log = lines.logger(), .notice = Duration(20), .limit = Duration(120)};
  const auto held = FileLock::acquire(directory_, "lock", never);
  const auto held_directory = FileLock::acquire(inner, never);
  ASSERT_TRUE(held && held_directory && *held_directory);
  const auto start = std::chrono::steady_clock::now();
  const auto refused = FileLock::acquire(directory_, "lock", never, patience);
  EXPECT_GE(std::chrono::steady_clock::now() - start, patience.limit);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kLocked);
  EXPECT_THAT(refused.error().message(), HasSubstr((temporary_ / "lock").native()));
  EXPECT_THAT(lines.all(), ElementsAre(AllOf(HasSubstr("waiting for the lock"), HasSubstr("/lock"))));
  EXPECT_EQ(FileLock::acquire(inner, never, patience).error().code(), ErrorCode::kLocked);
}

TEST_F(FileLockTest, WithoutPatienceThereIsOneTry) {
  const LockPatience none{.limit = Duration(0)};
  {
    const auto held = FileLock::acquire(directory_, "lock", {}, none);
    ASSERT_TRUE(held) << "a free lock is taken";
    EXPECT_EQ(FileLock::acquire(directory_, "lock", {}, none).error().code(), ErrorCode::kLocked);
  }
  EXPECT_TRUE(FileLock::acquire(directory_, "lock", {}, none));
}

TEST_F(FileLockTest, ADirectoryIsLockedWithoutAFile) {
  std::stop_source stop;
  stop.request_stop();
  {
    const auto held = FileLock::acquire(directory_, stop.get_token());
    ASSERT_TRUE(held && *held);
    EXPECT_EQ(FileLock::acquire(directory_, stop.get_token()).error().code(), ErrorCode::kCancelled);
    EXPECT_TRUE(FileLock::acquire(directory_, "lock", stop.get_token())) << "files in it are not locked";
    EXPECT_TRUE((*held)->release());
    EXPECT_TRUE(FileLock::acquire(directory_, stop.get_token()));
  }
  EXPECT_TRUE(FileLock::acquire(directory_, stop.get_token()));
  std::filesystem::remove(temporary_ / "lock");
  EXPECT_TRUE(std::filesystem::is_empty(temporary_.path()));
}

}  // namespace
}  // namespace freightliner::io
