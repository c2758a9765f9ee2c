#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "cli/terminal.h"
#include "freightliner/base/clock.h"

namespace freightliner::cli {

/// Keeps the promise that a run ends soon after it was asked to stop: where it has not ended (this object is still
/// alive) `grace` after the stop was requested, the process exits with `exit_code()`. Costs no thread before the
/// request.
class ExitWatchdog {
 public:
  /// `exit_code` is called on another thread. The terminal outlives this object.
  ExitWatchdog(const std::stop_token& stop, Duration grace, std::function<int()> exit_code, Terminal& terminal);
  ~ExitWatchdog();
  ExitWatchdog(const ExitWatchdog&) = delete;
  ExitWatchdog& operator=(const ExitWatchdog&) = delete;

 private:
  void start() noexcept;
  void watch() noexcept;

  const Duration grace_;
  const std::function<int()> exit_code_;
  Terminal& terminal_;
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  std::thread thread_;
  // Last member, so that it is there first to go: no start() comes after the destructor has begun to look at thread_.
  std::optional<std::stop_callback<std::function<void()>>> callback_;
};

}  // namespace freightliner::cli
