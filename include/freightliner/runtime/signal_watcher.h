#pragma once

#include <memory>
#include <stop_token>

#include "freightliner/base/clock.h"

namespace freightliner::runtime {

/// Turns SIGINT, SIGTERM and, where it is not ignored (nohup), SIGHUP into a stop request. Construct it in main()
/// before any other thread: it blocks these signals in the calling thread (new threads inherit that), ignores SIGPIPE,
/// and waits for them in a thread of its own. The second signal ends the process at once with 128 + its number. The
/// destructor, in the same thread, puts all back.
/// One instance per process. The constructor throws std::system_error where the system has no descriptors or threads
/// left.
class SignalWatcher {
 public:
  SignalWatcher();
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  std::stop_token token() const noexcept;
  /// The first signal that came; 0 while none did. Safe from any thread.
  int signal() const noexcept;
  /// Asks for a stop as a signal would, when `limit` has passed (the deadline of a run). Call once, before the work.
  void stop_after(Duration limit);
  /// True where the deadline of stop_after() asked for the stop.
  bool deadline_passed() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::runtime
