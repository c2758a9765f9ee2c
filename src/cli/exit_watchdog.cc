#include "cli/exit_watchdog.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

namespace freightliner::cli {

ExitWatchdog::ExitWatchdog(const std::stop_token& stop, Duration grace, std::function<int()> exit_code,
                           Terminal& terminal)
    : grace_(grace), exit_code_(std::move(exit_code)), terminal_(terminal) {
  callback_.emplace(stop, [this] { start(); });
}

ExitWatchdog::~ExitWatchdog() {
  callback_.reset();  // waits for a start() under way
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ended_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Out of threads: std::thread throws, and noexcept ends the process, which is what was asked for.
void ExitWatchdog::start() noexcept {
  thread_ = std::thread([this] { watch(); });
}

void ExitWatchdog::watch() noexcept {
  std::unique_lock lock(mutex_);
  if (ended_changed_.wait_for(lock, grace_, [this] { return ended_; })) return;
  terminal_.last_words(
      fmt::format("freightliner: error: clean-up took longer than {}; leaving", format_duration(grace_)));
  ::_exit(exit_code_());
}

}  // namespace freightliner::cli
