#include "freightliner/runtime/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace freightliner::runtime {

// Invariants, under mutex_: unfinished_ counts the tasks that are queued or running; idle_ counts the threads that wait
// for work; a thread's number is its place in threads_ and never changes.
class WorkerPool::Impl {
 public:
  explicit Impl(std::size_t threads) : size_(std::max<std::size_t>(threads, 1)) { threads_.reserve(size_); }

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

  void submit(Task task) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
    if (idle_ < queue_.size() && threads_.size() < size_) start_thread();
    ++unfinished_;
    work_.notify_one();
  }

  void wait_idle() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return unfinished_ == 0; });
  }

 private:
  void start_thread() {
    try {
      threads_.emplace_back([this, worker = threads_.size()] { run(worker); });
    } catch (const std::system_error&) {
      // Short of threads the pool goes on with those it has; without any the task could never run.
      if (!threads_.empty()) return;
      queue_.pop_back();
      throw;
    }
  }

  // noexcept is the contract for tasks: an exception ends the process with the runtime's message.
  void run(std::size_t worker) noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
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

  const std::size_t size_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable all_done_;
  std::deque<Task> queue_;
  std::size_t unfinished_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

WorkerPool::WorkerPool(std::size_t threads) : impl_(std::make_unique<Impl>(threads)) {}
WorkerPool::~WorkerPool() = default;
std::size_t WorkerPool::size() const noexcept {
  return impl_->size();
}
void WorkerPool::submit(Task task) {
  impl_->submit(std::move(task));
}
void WorkerPool::wait_idle() {
  impl_->wait_idle();
}

}  // namespace freightliner::runtime
