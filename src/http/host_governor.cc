#include "freightliner/http/host_governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

namespace freightliner::http {
namespace {

bool is_throttled(int status) noexcept {
  return status == 429 || status == 503;
}

/// The last answers of one host.
class AnswerTimes {
 public:
  void add(TimePoint::duration time) { last_[next_++ % last_.size()] = time; }
  TimePoint::duration shortest() const {
    if (next_ < kEnough) return TimePoint::duration::zero();
    const auto end = last_.begin() + static_cast<std::ptrdiff_t>(std::min(next_, last_.size()));
    return *std::min_element(last_.begin(), end);
  }

 private:
  // The first answers of a near host are slow as well: it wakes up, and so do its connections.
  static constexpr std::size_t kEnough = 8;
  // Enough that one of them had no other request in its way, few enough that a quick refusal at the start is forgotten.
  std::array<TimePoint::duration, 32> last_{};
  std::size_t next_ = 0;
};

/// What is known of one host.
struct Host {
  TimePoint open_again{};  // a pause that was asked for
  double limit = 0;
  std::size_t generation = 0;  // how often the limit was cut
  std::size_t in_flight = 0;
  std::set<std::uint64_t> waiting;  // by number of arrival
  std::uint64_t arrivals = 0;
  std::optional<Duration> spacing;  // between two requests
  TimePoint next_slot{};
  int given_up = 0;  // in a row
  int rests = 0;     // since it answered last
  TimePoint rests_until{};
  std::uint64_t requests = 0;
  std::uint64_t throttled = 0;
  AnswerTimes answers;
  runtime::WaitStatistics waits;  // but for a free place among those in flight
};

/// A place in the queue for one host, under the governor's lock. Who is refused and tries again goes to its end: what
/// a host refuses is shared by all that ask, and takes no single one all its retries.
class Turn {
 public:
  Turn(Host& host, std::condition_variable_any& changed)
      : host_(host), changed_(changed), number_(*host.waiting.insert(host.waiting.end(), host.arrivals++)) {}
  ~Turn() {
    host_.waiting.erase(number_);
    changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool has_come() const noexcept {
    return *host_.waiting.begin() == number_ && static_cast<double>(host_.in_flight) < std::max(host_.limit, 1.0);
  }

 private:
  Host& host_;
  std::condition_variable_any& changed_;
  std::uint64_t number_;
};

}  // namespace

class HostGovernor::Impl {
 public:
  Impl(Clock& clock, GovernorOptions options, Logger log) : clock_(clock), options_(std::move(options)), log_(log) {}

  Result<std::size_t> enter(const std::string& name, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    Host& host = at(name);
    FL_CHECK(await_turn(lock, host, name, stop));
    ++host.requests;
    const std::size_t generation = host.generation;
    FL_CHECK(take_slot(lock, host, name, stop));
    return generation;
  }

  bool is_unrestrained(const std::string& name) const {
    if (options_.max_requests < 2) return false;  // whoever asks ahead may ask this host for something else as well
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return !options_.requests_per_second.contains(name);
    const Host& host = found->second;
    return host.open_again <= clock_.now() && host.rests == 0 && !host.spacing &&
           host.limit >= static_cast<double>(options_.max_requests);
  }

  Status wait_until_open(const std::string& name, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    Host& host = at(name);
    for (TimePoint now = clock_.now(); host.open_again > now; now = clock_.now()) {
      FL_CHECK(sleep(lock, host, name, host.open_again - now, stop));
    }
    return {};
  }

  void pause(const std::string& name, Duration duration) {
    const std::lock_guard lock(mutex_);
    Host& host = at(name);
    host.open_again = std::max(host.open_again, clock_.now() + duration);
  }

  TimePoint now() const { return clock_.now(); }

  void answered(const std::string& name, std::size_t generation, TimePoint start, int status) {
    const std::lock_guard lock(mutex_);
    Host& host = at(name);
    host.answers.add(clock_.now() - start);
    if (status < 500 || status == 501) revive(host, name);
    if (is_throttled(status)) {
      ++host.throttled;
      // Those that were under way when the limit was cut already say nothing new.
      if (generation != host.generation) return;
      host.limit = std::max(host.limit / 2, 1.0);
      ++host.generation;
      log_.info("{} asks for less ({}): at most {:.0f} requests at a time now", name, status, host.limit);
    } else if (status < 500) {
      host.limit = std::min(host.limit + 1 / host.limit, static_cast<double>(options_.max_requests));
    }
  }

  void leave(const std::string& name) {
    {
      const std::lock_guard lock(mutex_);
      --at(name).in_flight;
    }
    changed_.notify_all();
  }

  void gave_up(const std::string& name) {
    const std::lock_guard lock(mutex_);
    Host& host = at(name);
    const TimePoint now = clock_.now();
    // Those that were under way when the rest began say nothing new.
    if (++host.given_up < options_.failures_to_open || now < host.rests_until) return;
    const bool patient = host.rests < options_.patient_rests;
    const Duration rest = patient ? options_.first_rest * (1 << host.rests) : options_.probe_interval;
    ++host.rests;
    host.rests_until = now + rest;
    if (patient) host.open_again = std::max(host.open_again, host.rests_until);
    log_.warn("{} failed {} requests in a row in spite of all retries: it is {} for {}", name, host.given_up,
              patient ? "let rest" : "not asked again", format_duration(rest));
  }

  TimePoint::duration answer_time() const {
    const std::lock_guard lock(mutex_);
    TimePoint::duration longest{};
    for (const auto& [name, host] : hosts_) longest = std::max(longest, host.answers.shortest());
    return longest;
  }

  std::vector<runtime::HostStatistics> statistics() const {
    const std::lock_guard lock(mutex_);
    std::vector<runtime::HostStatistics> all;
    for (const auto& [name, host] : hosts_) all.push_back({name, host.requests, host.throttled, host.waits});
    return all;
  }

 private:
  static Unexpected stopped(const std::string& name) {
    return fail(ErrorCode::kCancelled, "stopped while waiting for " + name);
  }

  Host& at(const std::string& name) {
    const auto [it, inserted] = hosts_.try_emplace(name);
    if (inserted) {
      it->second.limit = static_cast<double>(options_.max_requests);
      const auto rate = options_.requests_per_second.find(name);
      if (rate != options_.requests_per_second.end()) {
        it->second.spacing = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate->second));
      }
    }
    return it->second;
  }

  // Returns with a place among those in flight.
  Status await_turn(std::unique_lock<std::mutex>& lock, Host& host, const std::string& name,
                    const std::stop_token& stop) {
    const Turn turn(host, changed_);
    for (;;) {
      if (stop.stop_requested()) return stopped(name);
      const TimePoint now = clock_.now();
      FL_CHECK(check_rest(host, name, now));
      if (host.open_again > now) {
        FL_CHECK(sleep(lock, host, name, host.open_again - now, stop));
      } else if (turn.has_come()) {
        ++host.in_flight;
        return {};
      } else {
        changed_.wait(lock, stop, [&turn] { return turn.has_come(); });
      }
    }
  }

  void revive(Host& host, const std::string& name) const {
    if (host.rests > 0) log_.info("{} answers again", name);
    host.given_up = 0;
    host.rests = 0;
  }

  Status check_rest(Host& host, const std::string& name, TimePoint now) const {
    if (host.rests <= options_.patient_rests) return {};
    if (now >= host.rests_until) {
      // This one finds out; the others rest on meanwhile.
      host.rests_until = now + options_.probe_interval;
      return {};
    }
    return fail(
        Error(ErrorCode::kTemporary,
              fmt::format("{} is down: {} requests in a row failed in spite of all retries", name, host.given_up))
            .with_reason(ErrorReason::kHostDown));
  }

  // Evenly spaced: each takes the next slot of time, then waits for it. Who is stopped gives its place back.
  Status take_slot(std::unique_lock<std::mutex>& lock, Host& host, const std::string& name,
                   const std::stop_token& stop) {
    if (!host.spacing) return {};
    const TimePoint now = clock_.now();
    const TimePoint slot = std::max(host.next_slot, now);
    host.next_slot = slot + *host.spacing;
    if (slot <= now) return {};
    Status slept = sleep(lock, host, name, slot - now, stop);
    if (!slept) {
      --host.in_flight;
      changed_.notify_all();
    }
    return slept;
  }

  Status sleep(std::unique_lock<std::mutex>& lock, Host& host, const std::string& name, TimePoint::duration time,
               const std::stop_token& stop) {
    ++host.waits.count;
    lock.unlock();
    const TimePoint start = clock_.now();
    const bool slept = clock_.sleep_for(std::chrono::ceil<Duration>(time), stop);
    const auto waited = std::chrono::duration_cast<Duration>(clock_.now() - start);
    lock.lock();
    host.waits.time += waited;
    if (!slept) return stopped(name);
    return {};
  }

  Clock& clock_;
  const GovernorOptions options_;
  const Logger log_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;  // a place was given back, or a turn is over
  std::map<std::string, Host> hosts_;    // a map: references stay valid
};

HostGovernor::HostGovernor(Clock& clock, GovernorOptions options, Logger log)
    : impl_(std::make_unique<Impl>(clock, std::move(options), log)) {}
HostGovernor::~HostGovernor() = default;

HostGovernor::Permit::Permit(Permit&& other) noexcept
    : governor_(std::exchange(other.governor_, nullptr)),
      host_(std::move(other.host_)),
      generation_(other.generation_),
      start_(other.start_) {}
HostGovernor::Permit::~Permit() {
  if (governor_ != nullptr) governor_->impl_->leave(host_);
}
void HostGovernor::Permit::answered(int status) {
  governor_->impl_->answered(host_, generation_, start_, status);
}

Result<HostGovernor::Permit> HostGovernor::enter(const std::string& host, const std::stop_token& stop,
                                                 std::optional<TimePoint> begun) {
  FL_TRY(const std::size_t generation, impl_->enter(host, stop));
  return Permit(*this, host, generation, begun.value_or(impl_->now()));
}
bool HostGovernor::is_unrestrained(const std::string& host) const {
  return impl_->is_unrestrained(host);
}
Status HostGovernor::wait_until_open(const std::string& host, const std::stop_token& stop) {
  return impl_->wait_until_open(host, stop);
}
void HostGovernor::pause(const std::string& host, Duration duration) {
  impl_->pause(host, duration);
}
void HostGovernor::gave_up(const std::string& host) {
  impl_->gave_up(host);
}
TimePoint::duration HostGovernor::answer_time() const {
  return impl_->answer_time();
}
std::vector<runtime::HostStatistics> HostGovernor::statistics() const {
  return impl_->statistics();
}

}  // namespace freightliner::http
