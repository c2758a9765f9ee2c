#include "freightliner/runtime/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace freightliner::runtime {
namespace {

TEST(WorkerPool, RunsEveryTaskAndTellsTheWorker) {
  WorkerPool pool(4);
  EXPECT_EQ(pool.size(), 4U);
  std::atomic<int> count{0};
  std::atomic<bool> worker_in_range{true};
  for (int i = 0; i < 1000; ++i) {
    pool.submit([&](std::size_t worker) {
      if (worker >= 4) worker_in_range = false;
      ++count;
    });
  }
  pool.wait_idle();
  EXPECT_EQ(count, 1000);
  EXPECT_TRUE(worker_in_range);
}

TEST(WorkerPool, OneWorkerKeepsTheOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1);
    for (int i = 0; i < 100; ++i) pool.submit([&order, i](std::size_t) { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(WorkerPool, ZeroThreadsMeansOne) {
  WorkerPool pool(0);
  EXPECT_EQ(pool.size(), 1U);
  bool ran = false;
  pool.submit([&](std::size_t) { ran = true; });
  pool.wait_idle();
  EXPECT_TRUE(ran);
}

TEST(WorkerPool, WaitIdleWithoutTasksReturnsAtOnce) {
  WorkerPool pool(2);
  pool.wait_idle();
  SUCCEED();
}

TEST(WorkerPool, WaitIdleCoversTasksThatTasksSubmit) {
  WorkerPool pool(3);
  std::atomic<int> leaves{0};
  for (int i = 0; i < 10; ++i) {
    pool.submit([&](std::size_t) {
      for (int j = 0; j < 10; ++j) pool.submit([&](std::size_t) { ++leaves; });
    });
  }
  pool.wait_idle();
  EXPECT_EQ(leaves, 100);
}

TEST(WorkerPool, WhatATaskOwnsIsGoneWhenThePoolIsIdle) {
  WorkerPool pool(2);
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = owned;
  pool.submit([kept = std::move(owned)](std::size_t) { EXPECT_EQ(*kept, 7); });
  pool.wait_idle();
  EXPECT_TRUE(watch.expired());
}

TEST(WorkerPool, WorkersRunAtTheSameTimeAndHaveOneThreadEach) {
  constexpr std::size_t kWorkers = 4;
  WorkerPool pool(kWorkers);
  std::mutex mutex;
  std::condition_variable all_here;
  std::set<std::size_t> workers;
  std::set<std::thread::id> threads;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    pool.submit([&](std::size_t worker) {
      std::unique_lock lock(mutex);
      workers.insert(worker);
      threads.insert(std::this_thread::get_id());
      all_here.notify_all();
      all_here.wait(lock, [&] { return workers.size() == kWorkers; });
    });
  }
  pool.wait_idle();
  EXPECT_EQ(threads.size(), kWorkers);
}

TEST(WorkerPool, IsUsableAfterItWasIdle) {
  WorkerPool pool(2);
  std::atomic<int> count{0};
  for (int round = 1; round <= 50; ++round) {
    for (int i = 0; i < 4; ++i) pool.submit([&](std::size_t) { ++count; });
    pool.wait_idle();
    ASSERT_EQ(count, round * 4);
  }
}

TEST(WorkerPool, ManySubmittersAtOnce) {
  WorkerPool pool(4);
  std::atomic<int> count{0};
  std::vector<std::thread> submitters;
  for (int t = 0; t < 8; ++t) {
    submitters.emplace_back([&] {
      for (int i = 0; i < 200; ++i) pool.submit([&](std::size_t) { ++count; });
      pool.wait_idle();
    });
  }
  for (std::thread& thread : submitters) thread.join();
  pool.wait_idle();
  EXPECT_EQ(count, 1600);
}

TEST(WorkerPoolDeathTest, ATaskThatThrowsEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        WorkerPool pool(1);
        pool.submit([](std::size_t) { throw std::runtime_error("a bug in a task"); });
        pool.wait_idle();
      },
      "a bug in a task");
}

}  // namespace
}  // namespace freightliner::runtime
