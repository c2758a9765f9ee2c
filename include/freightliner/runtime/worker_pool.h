#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace freightliner::runtime {

/// A fixed number of threads that run tasks in the order they were submitted. A task is told which worker runs it, so
/// that what belongs to one thread (an HTTP session) can be kept per worker. Threads start when first needed. A task
/// must not throw; one that does ends the process with a message (a bug). Safe from any thread.
class WorkerPool {
 public:
  using Task = std::function<void(std::size_t worker)>;

  explicit WorkerPool(std::size_t threads);
  /// Waits for all tasks that were submitted.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  std::size_t size() const noexcept;
  void submit(Task task);
  /// Waits until no task is queued or running. Never from a task: it would wait for itself.
  void wait_idle();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::runtime
