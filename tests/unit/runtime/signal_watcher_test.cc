#include "freightliner/runtime/signal_watcher.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

namespace freightliner::runtime {
namespace {

using std::chrono::steady_clock;

bool eventually(const std::function<bool()>& condition) {
  const auto limit = steady_clock::now() + std::chrono::seconds(10);
  while (steady_clock::now() < limit) {
    if (condition()) return true;
    std::this_thread::sleep_for(Duration(1));
  }
  return condition();
}

bool is_blocked(int number) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}

class SignalWatcherSignals : public testing::TestWithParam<int> {};

TEST_P(SignalWatcherSignals, TheFirstOneAsksForAStop) {
  SignalWatcher watcher;
  EXPECT_FALSE(watcher.token().stop_requested());
  EXPECT_EQ(watcher.signal(), 0);
  ASSERT_EQ(kill(getpid(), GetParam()), 0);
  EXPECT_TRUE(eventually([&] { return watcher.token().stop_requested(); }));
  EXPECT_EQ(watcher.signal(), GetParam());
  EXPECT_FALSE(watcher.deadline_passed());
}

// The child never returns into the test program: it leaves by _exit, with a status of its own where the watcher does
// not end it.
TEST_P(SignalWatcherSignals, TheSecondOneEndsTheProcessWithItsNumber) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    SignalWatcher watcher;
    kill(getpid(), SIGTERM);
    if (!eventually([&] { return watcher.token().stop_requested(); })) _exit(2);
    kill(getpid(), GetParam());
    std::this_thread::sleep_for(std::chrono::seconds(10));
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + GetParam());
}

INSTANTIATE_TEST_SUITE_P(Both, SignalWatcherSignals, testing::Values(SIGINT, SIGTERM));

TEST(SignalWatcher, BlocksTheSignalsWhileItLivesAndRestoresTheMask) {
  ASSERT_FALSE(is_blocked(SIGINT));
  {
    SignalWatcher watcher;
    EXPECT_TRUE(is_blocked(SIGINT));
    EXPECT_TRUE(is_blocked(SIGTERM));
    EXPECT_FALSE(watcher.token().stop_requested());
  }
  EXPECT_FALSE(is_blocked(SIGINT));
  EXPECT_FALSE(is_blocked(SIGTERM));
}

TEST(SignalWatcher, AWriteIntoAClosedPipeIsAnErrorAndNotTheEnd) {
  SignalWatcher watcher;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  errno = 0;
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

TEST(SignalWatcher, TheDeadlineAsksForAStop) {
  SignalWatcher watcher;
  const auto start = steady_clock::now();
  watcher.stop_after(Duration(50));
  EXPECT_TRUE(eventually([&] { return watcher.token().stop_requested(); }));
  EXPECT_GE(steady_clock::now() - start, Duration(50));
  EXPECT_TRUE(watcher.deadline_passed());
  EXPECT_EQ(watcher.signal(), 0);
}

TEST(SignalWatcher, ADeadlineAfterASignalIsNotTheReason) {
  SignalWatcher watcher;
  kill(getpid(), SIGINT);
  ASSERT_TRUE(eventually([&] { return watcher.token().stop_requested(); }));
  watcher.stop_after(Duration(0));
  std::this_thread::sleep_for(Duration(20));
  EXPECT_FALSE(watcher.deadline_passed());
  EXPECT_EQ(watcher.signal(), SIGINT);
}

TEST(SignalWatcher, LeavesPromptlyWithADistantDeadline) {
  const auto start = steady_clock::now();
  {
    SignalWatcher watcher;
    watcher.stop_after(Duration::max());
    EXPECT_FALSE(watcher.deadline_passed());
  }
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(SignalWatcher, CanBeMadeAgain) {
  for (int round = 0; round < 20; ++round) {
    SignalWatcher watcher;
    kill(getpid(), SIGTERM);
    ASSERT_TRUE(eventually([&] { return watcher.signal() == SIGTERM; }));
  }
}

}  // namespace
}  // namespace freightliner::runtime
