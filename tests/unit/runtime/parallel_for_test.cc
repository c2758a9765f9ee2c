#include "freightliner/runtime/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace freightliner::runtime {
namespace {

TEST(ParallelFor, RunsEveryIndexOnce) {
  WorkerPool pool(4);
  for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
    std::vector<std::atomic<int>> runs(count);
    parallel_for(pool, count, 3, [&](std::optional<std::size_t>, std::size_t index) { ++runs[index]; });
    for (const auto& run : runs) EXPECT_EQ(run, 1);
  }
}

TEST(ParallelFor, WithoutHelpersTheCallerDoesItInOrder) {
  WorkerPool pool(4);
  std::vector<std::size_t> order;
  parallel_for(pool, 5, 0, [&](std::optional<std::size_t> worker, std::size_t index) {
    EXPECT_FALSE(worker);
    order.push_back(index);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(ParallelFor, TasksOfABusyPoolFinishOnTheirOwn) {
  WorkerPool pool(2);
  std::atomic<int> runs{0};
  for (int task = 0; task < 8; ++task) {
    pool.submit(
        [&](std::size_t) { parallel_for(pool, 10, 4, [&](std::optional<std::size_t>, std::size_t) { ++runs; }); });
  }
  pool.wait_idle();
  EXPECT_EQ(runs, 80);
}

/// How many workers 64 tasks that wait are given to.
std::size_t workers_of_waiting_tasks(WorkerPool& pool) {
  std::mutex mutex;
  std::set<std::size_t> workers;
  std::atomic<int> runs{0};
  for (int task = 0; task < 64; ++task) {
    pool.feed([&](std::size_t worker) {
      {
        const std::lock_guard lock(mutex);
        workers.insert(worker);
      }
      ++runs;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
  }
  pool.wait_idle();
  EXPECT_EQ(runs, 64);
  return workers.size();
}

TEST(WorkerPoolFeed, RunsAllAndStartsMoreThreadsWhileTheyMostlyWait) {
  WorkerPool pool({.eager = 2, .most = 16});
  EXPECT_EQ(pool.size(), 16U);
  EXPECT_GT(workers_of_waiting_tasks(pool), 2U);
}

TEST(WorkerPoolFeed, StartsMoreThreadsOnlyWhereTheOthersAreSlow) {
  bool slow = false;
  WorkerPool pool({.eager = 2, .most = 16, .others_are_slow = [&] { return slow; }});
  EXPECT_EQ(workers_of_waiting_tasks(pool), 2U);
  slow = true;
  EXPECT_GT(workers_of_waiting_tasks(pool), 2U);
}

TEST(WorkerPoolSubmitFirst, GoesBeforeWhatWaits) {
  std::vector<int> order;
  {
    WorkerPool pool(1);
    std::mutex gate;
    gate.lock();
    pool.submit([&](std::size_t) { const std::lock_guard wait(gate); });
    pool.submit([&](std::size_t) { order.push_back(2); });
    pool.submit_first([&](std::size_t) { order.push_back(1); });
    gate.unlock();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace freightliner::runtime
