#pragma once

#include <map>
#include <string>

#include "freightliner/base/clock.h"
#include "freightliner/base/guarded.h"

namespace freightliner::http {

/// What all requests to a host share: the pause that a Retry-After asked for. Safe from any thread.
class HostGovernor {
 public:
  explicit HostGovernor(Clock& clock) : clock_(clock) {}

  /// Waits while the host is paused. Errors: kCancelled when `stop` is asked for.
  Status wait_until_open(const std::string& host, const std::stop_token& stop);
  /// Keeps all further requests to the host back for `duration`; a shorter pause never shortens a longer one.
  void pause(const std::string& host, Duration duration);

 private:
  Clock& clock_;
  Guarded<std::map<std::string, TimePoint>> open_again_;
};

}  // namespace freightliner::http
