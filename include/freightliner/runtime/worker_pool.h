#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace freightliner::runtime {

struct WorkerPoolLimits {
  /// So many threads start as soon as there is work for them.
  std::size_t eager = 1;
  /// So many there may be where the work mostly waits for others (see WorkerPool::feed()); at least `eager`.
  std::size_t most = 1;
  /// Whether those others take so long to answer that more threads than `eager` pay; none: they do. Asked by feed()
  /// under the pool's lock: it is quick, and calls nothing of the pool.
  std::function<bool()> others_are_slow = {};
};

/// Threads that run tasks in the order they were submitted. A task is told which worker runs it, so that what belongs
/// to one thread (an HTTP session) can be kept per worker. Threads start when first needed. A task must not throw; one
/// that does ends the process with a message (a bug). Safe from any thread.
class WorkerPool {
 public:
  using Task = std::function<void(std::size_t worker)>;

  /// As many threads as there is work for, up to `threads`.
  explicit WorkerPool(std::size_t threads) : WorkerPool(WorkerPoolLimits{threads, threads}) {}
  explicit WorkerPool(WorkerPoolLimits limits);
  /// Waits for all tasks that were submitted.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// The most threads that there may be: a worker's number is below it.
  std::size_t size() const noexcept;
  void submit(Task task);
  /// The same, before all tasks that wait: what is begun is finished before more is begun.
  void submit_first(Task task);
  /// Waits until a worker is free, then submits: a feeder of many tasks never has more than a few of them queued.
  /// Beyond the eager threads as many again are allowed where nobody became free for a millisecond while this process
  /// used less than a quarter of one processor, and the others are slow: then the workers wait for somebody else, and
  /// further ones pay; where the processor is what is short, here or there, they would not. Never from a task.
  void feed(Task task);
  /// Waits until no task is queued or running. Never from a task: it would wait for itself.
  void wait_idle();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::runtime
