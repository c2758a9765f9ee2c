#include "cli/run_frame.h"

#include <fmt/format.h>

#include <csignal>
#include <future>
#include <memory>
#include <thread>

#include "cli/defaults.h"

namespace freightliner::cli {
namespace {

// For what can still be undone when the time for clean-up is over.
constexpr Duration kLastGrace{1'000};

/// What ended the run from outside; empty where it ended by itself.
std::string outside_reason(const Interruption& interruption, Duration timeout) {
  if (interruption.signal == SIGINT) return "stopped by SIGINT";
  if (interruption.signal == SIGHUP) return "stopped by SIGHUP";
  if (interruption.signal != 0) return "stopped by SIGTERM";
  if (!interruption.deadline_passed) return {};
  return fmt::format("the run's time (--timeout {}) has passed", format_duration(timeout));
}

}  // namespace

RunFrame::RunFrame(const Settings& settings, const Voice& voice, Duration timeout)
    : timeout_(timeout),
      leak_check_(settings.on("leak-check")),
      voice_(voice),
      sink_(voice.terminal, voice.log_format),
      log_(&sink_, log_level_of(settings)),
      cleanups_(clock_, log_),
      watchdog_(
          watcher_.token(), kCleanUpGrace, [this] { return leave(); }, voice.terminal),
      view_(std::make_unique<ProgressView>(progress_mode(settings.text("progress"), voice.terminal), voice.log_format,
                                           progress_, clock_, voice.terminal)) {
  if (timeout > Duration(0)) watcher_.stop_after(timeout);
}

// On the watchdog's thread: the run hangs, in clean-up or elsewhere. What can be undone without it is; and as that may
// hang as well, on a network file system say, its time is short.
int RunFrame::leave() noexcept {
  const auto done = std::make_shared<std::promise<void>>();
  const auto finished = done->get_future();
  std::thread([this, done] {
    cleanups_.run_all(kLastGrace);
    done->set_value();
  }).detach();  // the process ends before this object does
  finished.wait_for(kLastGrace);
  const auto left = cleanups_.held();
  if (!left.empty()) {
    voice_.terminal.last_words(fmt::format("freightliner: error: left behind: {}{}", left.front().describe(),
                                           left.size() > 1 ? fmt::format(" and {} more", left.size() - 1) : ""));
  }
  return exit_code(ErrorCode::kCancelled, interruption());
}

int RunFrame::settle(int code) {
  const auto leaks = cleanups_.held();
  cleanups_.run_all(kCleanUpGrace);
  const auto statistics = cleanups_.statistics();
  if (statistics.failed > 0) {
    const auto& first = statistics.failures.front();
    log_.warn("left behind: {} {}: {}{}", to_string(first.kind), first.name, first.reason,
              statistics.failed > 1 ? fmt::format(" (and {} more)", statistics.failed - 1) : "");
  }
  for (const auto& leak : leaks) {
    const std::string line = fmt::format("leak: {} at the end of the run", leak.describe());
    leak_check_ ? write_failure(voice_.terminal, voice_.log_format, line) : log_.warn("{}", line);
  }
  return leak_check_ && !leaks.empty() ? static_cast<int>(kExitInternal) : code;
}

Interruption RunFrame::interruption() const noexcept {
  return {.signal = watcher_.signal(), .deadline_passed = watcher_.deadline_passed()};
}

Error RunFrame::explain(Error error) const {
  std::string reason = outside_reason(interruption(), timeout_);
  if (reason.empty()) return error;
  const ErrorCode code = watcher_.signal() != 0 ? ErrorCode::kCancelled : ErrorCode::kTemporary;
  return ended_from_outside(std::move(error), code, std::move(reason));
}

}  // namespace freightliner::cli
