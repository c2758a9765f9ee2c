#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

#include "freightliner/base/clock.h"

namespace freightliner::copy {

/// Calls back when a time has passed, from one thread of its own. Safe from any thread.
class DeadlineWatch {
 public:
  class Deadline;

  DeadlineWatch() = default;
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  /// Comes before the first deadline; may be called again. Throws std::system_error where there is no thread to be had.
  void start();
  /// `expired` is called `limit` from now, unless the deadline is dropped by then; 0: never. It is called under the
  /// watch's lock: it must neither block nor throw, nor set or drop a deadline.
  [[nodiscard]] Deadline set(Duration limit, std::function<void()> expired);

 private:
  struct Key {
    TimePoint due;
    std::uint64_t number = 0;  // above 0; 0: of no deadline
    auto operator<=>(const Key&) const = default;
  };
  void run(const std::stop_token& stop);
  void drop(const Key& key);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t last_ = 0;
  std::map<Key, std::function<void()>> entries_;
  std::jthread thread_;
};

/// A deadline that is set; dropped on destruction: then its callback is over, or never comes. The watch outlives it.
class DeadlineWatch::Deadline {
 public:
  ~Deadline() {
    if (key_.number != 0) watch_.drop(key_);
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  friend class DeadlineWatch;
  Deadline(DeadlineWatch& watch, const Key& key) : watch_(watch), key_(key) {}

  DeadlineWatch& watch_;
  const Key key_;
};

}  // namespace freightliner::copy
