#include "cli/run_frame.h"

#include <fmt/format.h>

#include <csignal>

#include "cli/defaults.h"

namespace freightliner::cli {
namespace {

/// What ended the run from outside; empty where it ended by itself.
std::string outside_reason(const Interruption& interruption, Duration timeout) {
  if (interruption.signal == SIGINT) return "stopped by SIGINT";
  if (interruption.signal != 0) return "stopped by SIGTERM";
  if (!interruption.deadline_passed) return {};
  return fmt::format("the run's time (--timeout {}) has passed", format_duration(timeout));
}

}  // namespace

RunFrame::RunFrame(const Settings& settings, const Voice& voice, Duration timeout)
    : timeout_(timeout),
      watchdog_(
          watcher_.token(), kCleanUpGrace, [this] { return exit_code(ErrorCode::kCancelled, interruption()); },
          voice.terminal),
      sink_(voice.terminal, voice.log_format),
      log_(&sink_, log_level_of(settings)),
      view_(std::make_unique<ProgressView>(progress_mode(settings.text("progress"), voice.terminal), voice.log_format,
                                           progress_, clock_, voice.terminal)) {
  if (timeout > Duration(0)) watcher_.stop_after(timeout);
}

Interruption RunFrame::interruption() const noexcept {
  return {.signal = watcher_.signal(), .deadline_passed = watcher_.deadline_passed()};
}

Error RunFrame::explain(Error error) const {
  std::string reason = outside_reason(interruption(), timeout_);
  if (reason.empty()) return error;
  const ErrorCode code = watcher_.signal() != 0 ? ErrorCode::kCancelled : ErrorCode::kTemporary;
  if (error.code() == ErrorCode::kCancelled) return Error(code, std::move(reason));
  return Error(code, error.describe()).with_context(std::move(reason));
}

}  // namespace freightliner::cli
