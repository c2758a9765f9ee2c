#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::http {

struct GovernorOptions {
  /// Small requests to one host at the same time, at most. It starts there, is halved when the host answers 429 or 503,
  /// and grows back by one for every so many answers as there are requests in flight (additive increase, multiplicative
  /// decrease: Chiu and Jain, 1989). Bodies that stream are not counted: they are limited by whoever starts them.
  std::size_t max_requests = 64;
  /// By host: requests per second, evenly spaced.
  std::map<std::string, double> requests_per_second = {};
  /// After so many requests in a row that were given up after all their retries, a host is let rest: what is due waits.
  /// The first rest is this long, each further one twice as long.
  int failures_to_open = 5;
  Duration first_rest{2'000};
  /// After so many rests it counts as down: requests fail at once, and every `probe_interval` one finds out whether it
  /// is back.
  int patient_rests = 3;
  Duration probe_interval{30'000};
};

/// What all requests to a host share: the pause that a Retry-After asked for, how many there may be at a time and in a
/// second, and the knowledge that it is down. Hosts do not affect each other. Safe from any thread.
class HostGovernor {
 public:
  explicit HostGovernor(Clock& clock) : HostGovernor(clock, {}, Logger()) {}
  HostGovernor(Clock& clock, GovernorOptions options, Logger log);
  ~HostGovernor();
  HostGovernor(const HostGovernor&) = delete;
  HostGovernor& operator=(const HostGovernor&) = delete;

  /// The place of one small request; given back on destruction. Move-only. The governor outlives it.
  class Permit {
   public:
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&&) = delete;
    ~Permit();
    /// The host answered with this status.
    void answered(int status);

   private:
    friend class HostGovernor;
    Permit(HostGovernor& governor, std::string host, std::size_t generation, TimePoint start)
        : governor_(&governor), host_(std::move(host)), generation_(generation), start_(start) {}
    HostGovernor* governor_;
    std::string host_;
    std::size_t generation_;  // of the limit, so that one burst of refusals halves it once
    TimePoint start_;
  };

  /// Waits until a small request may go out, in the order of the calls. Errors: kCancelled when `stop` is asked for;
  /// kTemporary with ErrorReason::kHostDown, at once, while the host rests.
  /// `begun`: when the request went out, where it did before.
  Result<Permit> enter(const std::string& host, const std::stop_token& stop,
                       std::optional<TimePoint> begun = std::nullopt);
  /// True where the host is asked without restraint: no pause, no rest, no rate, no limit that it has cut, and room for
  /// two requests. Only then a request may go out before its answer is wanted.
  bool is_unrestrained(const std::string& host) const;
  /// Waits while the host is paused: for bodies that stream. Errors: kCancelled when `stop` is asked for.
  Status wait_until_open(const std::string& host, const std::stop_token& stop);
  /// Keeps all further requests to the host back for `duration`; a shorter pause never shortens a longer one.
  void pause(const std::string& host, Duration duration);
  /// A request was given up after all its retries.
  void gave_up(const std::string& host);
  /// How long the slowest host takes to answer: of its last answers the shortest, which the load that is of our own
  /// making says the least in. Zero while none has answered often enough to tell.
  TimePoint::duration answer_time() const;
  /// Of each host that was asked so far, by name.
  std::vector<runtime::HostStatistics> statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::http
