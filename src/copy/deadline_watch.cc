#include "copy/deadline_watch.h"

#include <algorithm>
#include <utility>

namespace freightliner::copy {

void DeadlineWatch::start() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

DeadlineWatch::Deadline DeadlineWatch::set(Duration limit, std::function<void()> expired) {
  if (limit <= Duration(0)) return {*this, Key{}};
  // A limit beyond the clock's range would overflow; a year is as good as never for one copy.
  const Duration bounded = std::min(limit, Duration(std::chrono::hours(24 * 365)));
  const std::lock_guard lock(mutex_);
  const Key key{std::chrono::steady_clock::now() + bounded, ++last_};
  entries_.emplace(key, std::move(expired));
  changed_.notify_all();
  return {*this, key};
}

void DeadlineWatch::drop(const Key& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
}

void DeadlineWatch::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (entries_.empty()) {
      changed_.wait(lock, stop, [this] { return !entries_.empty(); });
      continue;
    }
    const TimePoint next = entries_.begin()->first.due;
    if (std::chrono::steady_clock::now() < next) {
      changed_.wait_until(lock, stop, next, [&] { return entries_.empty() || entries_.begin()->first.due < next; });
      continue;
    }
    entries_.extract(entries_.begin()).mapped()();
  }
}

}  // namespace freightliner::copy
