#include "freightliner/runtime/parallel_for.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace freightliner::runtime {
namespace {

/// What the caller and its helpers share. A helper may come when all is done and the caller gone: it then finds no
/// index left and touches nothing else.
class Loop {
 public:
  using Body = std::function<void(std::optional<std::size_t>, std::size_t)>;

  Loop(std::size_t count, const Body& body) : count_(count), body_(body) {}

  void work(std::optional<std::size_t> worker) {
    std::unique_lock lock(mutex_);
    while (next_ < count_) {
      const std::size_t index = next_++;
      lock.unlock();
      body_(worker, index);
      lock.lock();
      if (++finished_ == count_) done_.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return finished_ == count_; });
  }

 private:
  const std::size_t count_;
  const Body& body_;  // the caller's; valid while an index is left or running
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t next_ = 0;
  std::size_t finished_ = 0;
};

}  // namespace

void parallel_for(WorkerPool& pool, std::size_t count, std::size_t helpers,
                  const std::function<void(std::optional<std::size_t>, std::size_t)>& body) {
  if (count == 0) return;
  const auto loop = std::make_shared<Loop>(count, body);
  const std::size_t invited = std::min(helpers, count - 1);
  for (std::size_t i = 0; i < invited; ++i) {
    pool.submit_first([loop](std::size_t worker) { loop->work(worker); });
  }
  loop->work(std::nullopt);
  loop->wait();
}

}  // namespace freightliner::runtime
