#pragma once

#include <memory>
#include <stop_token>

#include "cli/engine.h"
#include "cli/exit_watchdog.h"
#include "cli/progress_view.h"
#include "cli/voice.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/runtime/signal_watcher.h"

namespace freightliner::cli {

/// What stands around every run: signals, the deadline, the log, the clock, the progress view. Construct it in the main
/// thread, before any other thread.
class RunFrame {
 public:
  /// `timeout` 0: none. The voice outlives the frame.
  RunFrame(const Settings& settings, const Voice& voice, Duration timeout);
  RunFrame(const RunFrame&) = delete;
  RunFrame& operator=(const RunFrame&) = delete;

  std::stop_token stop() const noexcept { return watcher_.token(); }
  RunServices services(runtime::PerformanceMonitor& monitor) noexcept {
    return {.clock = clock_, .progress = progress_, .cleanups = cleanups_, .monitor = monitor, .log = log_};
  }
  runtime::CleanupRegistry& cleanups() noexcept { return cleanups_; }
  const Logger& log() const noexcept { return log_; }
  const Voice& voice() const noexcept { return voice_; }
  /// Takes the progress off the screen: results follow.
  void end_progress() noexcept { view_.reset(); }
  Interruption interruption() const noexcept;
  /// An outside reason (a signal, the deadline) comes first; the error that it led to is told where it says more than
  /// "stopped".
  Error explain(Error error) const;
  /// After the run, when all that it was made of is gone: undoes what is still registered for clean-up, which is a bug,
  /// and tells of it and of what could not be undone. Returns `code`, or with --leak-check 1 where there was such a
  /// leak.
  int settle(int code);

 private:
  int leave() noexcept;

  const Duration timeout_;
  const bool leak_check_;
  const Voice& voice_;
  runtime::SignalWatcher watcher_;
  TerminalLogSink sink_;
  Logger log_;
  SystemClock clock_;
  runtime::Progress progress_;
  runtime::CleanupRegistry cleanups_;
  ExitWatchdog watchdog_;
  std::unique_ptr<ProgressView> view_;
};

}  // namespace freightliner::cli
