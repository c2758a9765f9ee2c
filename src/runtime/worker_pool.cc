#include "freightliner/runtime/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace freightliner::runtime {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// How long a feeder waits for a worker before it asks whether one more would pay.
constexpr std::chrono::milliseconds kPatience{1};
// What was long ago says nothing of now.
constexpr std::chrono::milliseconds kLongestWindow{100};
// More than this share of one processor, and threads are not what is missing.
constexpr double kBusyShare = 0.25;

/// How much of a processor this process has used of late.
class ProcessorShare {
 public:
  void restart(SteadyTime now) {
    start_ = now;
    used_before_ = used();
  }
  double share(SteadyTime now) const {
    const std::chrono::duration<double> passed = now - start_;
    return passed.count() > 0 ? (used() - used_before_) / passed.count() : 1;
  }
  bool is_old(SteadyTime now) const { return now - start_ > kLongestWindow; }

 private:
  static double used() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  SteadyTime start_;
  double used_before_ = 0;
};

}  // namespace

// Invariants, under mutex_: unfinished_ counts the tasks that are queued or running; idle_ counts the threads that wait
// for work; a thread's number is its place in threads_ and never changes.
class WorkerPool::Impl {
 public:
  explicit Impl(WorkerPoolLimits limits)
      : granted_(std::max<std::size_t>(limits.eager, 1)),
        size_(std::max(limits.most, granted_)),
        others_are_slow_(std::move(limits.others_are_slow)) {
    threads_.reserve(size_);
  }

  ~Impl() {
    wait_idle();
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::size_t size() const noexcept { return size_; }

  void submit(Task task, bool first) {
    const std::lock_guard lock(mutex_);
    enqueue(std::move(task), first);
  }

  void feed(Task task) {
    std::unique_lock lock(mutex_);
    share_.restart(std::chrono::steady_clock::now());
    // Somebody who is idle has a task of the queue as good as in hand.
    const auto is_free = [this] { return idle_ > queue_.size() || (queue_.empty() && threads_.size() < granted_); };
    while (!is_free() && !freed_.wait_for(lock, kPatience, is_free)) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (threads_.size() < size_ && share_.share(now) < kBusyShare && (!others_are_slow_ || others_are_slow_())) {
        // As many again: the round trips of a slow start would cost more than a few threads too many.
        granted_ = std::min(size_, 2 * threads_.size());
        break;
      }
      if (share_.is_old(now)) share_.restart(now);
    }
    enqueue(std::move(task), false);
  }

  void wait_idle() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return unfinished_ == 0; });
  }

 private:
  void enqueue(Task task, bool first) {
    first ? queue_.push_front(std::move(task)) : queue_.push_back(std::move(task));
    if (idle_ < queue_.size() && threads_.size() < granted_) start_thread();
    ++unfinished_;
    work_.notify_one();
  }

  void start_thread() {
    try {
      threads_.emplace_back([this, worker = threads_.size()] { run(worker); });
    } catch (const std::system_error&) {
      // Short of threads the pool goes on with those it has; without any the task could never run.
      if (!threads_.empty()) return;
      queue_.clear();
      throw;
    }
  }

  // noexcept is the contract for tasks: an exception ends the process with the runtime's message.
  void run(std::size_t worker) noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      freed_.notify_one();
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      Task task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task(worker);
      task = nullptr;  // what the task owns is gone before wait_idle() returns
      lock.lock();
      if (--unfinished_ == 0) all_done_.notify_all();
    }
  }

  std::size_t granted_;  // so many threads may start without a further question
  const std::size_t size_;
  const std::function<bool()> others_are_slow_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable freed_;
  ProcessorShare share_;
  std::condition_variable all_done_;
  std::deque<Task> queue_;
  std::size_t unfinished_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

WorkerPool::WorkerPool(WorkerPoolLimits limits) : impl_(std::make_unique<Impl>(std::move(limits))) {}
WorkerPool::~WorkerPool() = default;
std::size_t WorkerPool::size() const noexcept {
  return impl_->size();
}
void WorkerPool::submit(Task task) {
  impl_->submit(std::move(task), false);
}
void WorkerPool::submit_first(Task task) {
  impl_->submit(std::move(task), true);
}
void WorkerPool::feed(Task task) {
  impl_->feed(std::move(task));
}
void WorkerPool::wait_idle() {
  impl_->wait_idle();
}

}  // namespace freightliner::runtime
