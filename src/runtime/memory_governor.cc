#include "freightliner/runtime/memory_governor.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "runtime/memory_ladder.h"
#include "runtime/memory_probe.h"

namespace freightliner::runtime {
namespace {

// Shares of the budget.
constexpr MemoryLadder kByResidentSize({0.20, 0.80, 0.90}, {0.15, 0.75, 0.85});
// Percent of the time in which some task waited for memory; 0 where there is enough.
constexpr MemoryLadder kByStalls({10, 10, 40}, {5, 5, 20});

// The pool's cap falls between these shares of the budget, in steps of a sixteenth, so that it is not set anew for
// every page more or less.
constexpr double kCapFallsFrom = 0.20;
constexpr double kCapFallsTo = 0.80;
constexpr std::size_t kCapSteps = 16;

constexpr std::size_t kTransitionsKept = 100;
constexpr std::uint64_t kTightShare = 4;  // above 80 % a new transfer gets this part of what it wants

// What the budget leaves beside the base: four fifths for transfers, one for buffers that are kept between them.
std::uint64_t above_base(std::uint64_t budget) noexcept {
  return budget > kBaseMemory ? budget - kBaseMemory : 0;
}

std::size_t cap_steps(MemoryLevel level, double used) noexcept {
  if (level == MemoryLevel::kRelaxed) return kCapSteps;
  if (level >= MemoryLevel::kTight) return 1;
  const double left = std::clamp((kCapFallsTo - used) / (kCapFallsTo - kCapFallsFrom), 0.0, 1.0);
  return std::max<std::size_t>(static_cast<std::size_t>(left * kCapSteps), 1);
}

}  // namespace

std::string_view to_string(MemoryLevel level) noexcept {
  switch (level) {
    case MemoryLevel::kRelaxed:
      return "relaxed";
    case MemoryLevel::kLinear:
      return "linear";
    case MemoryLevel::kTight:
      return "tight";
    case MemoryLevel::kFull:
      break;
  }
  return "full";
}

// mutex_ guards what is below it; look_mutex_ keeps two looks apart, so that the pool's cap is that of the later one,
// and is taken first.
class MemoryGovernor::Impl {
 public:
  Impl(io::BufferPool& pool, Clock& clock, Options options, Logger log)
      : pool_(pool),
        clock_(clock),
        log_(log),
        probe_(options.root),
        budget_(options.budget),
        capacity_(above_base(budget_.bytes) / 5 * 4),
        full_cap_(
            static_cast<std::size_t>(std::min<std::uint64_t>(options.retained_cap, above_base(budget_.bytes) / 5))),
        interval_(options.interval) {
    statistics_.budget = budget_;
    statistics_.reservable_bytes = capacity_;
    pool_.set_retained_cap(full_cap_);
    log_.debug("memory: a budget of {} ({}), of which transfers may have {}", format_bytes(budget_.bytes),
               to_string(budget_.source), format_bytes(capacity_));
  }

  Result<std::uint64_t> reserve(const Demand& demand, const std::stop_token& stop);
  void give_back(std::uint64_t bytes) noexcept;
  void sample();
  Statistics statistics() const;

 private:
  std::uint64_t grant(const Demand& demand) const noexcept;
  void start_ticker() noexcept;
  void tick(const std::stop_token& stop);
  std::optional<Transition> take_note(const MemorySample& now);
  void log(const Transition& transition) const;
  std::size_t retained_cap() const noexcept { return full_cap_ / kCapSteps * cap_steps_; }

  io::BufferPool& pool_;
  Clock& clock_;
  const Logger log_;
  const MemoryProbe probe_;
  const MemoryBudget budget_;
  const std::uint64_t capacity_;
  const std::size_t full_cap_;
  const Duration interval_;

  std::mutex look_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable_any admission_;
  std::condition_variable_any busy_;
  std::deque<std::uint64_t> queue_;  // tickets, in the order of their coming
  std::uint64_t next_ticket_ = 0;
  std::size_t cap_steps_ = kCapSteps;
  MemoryLadder by_resident_size_ = kByResidentSize;
  MemoryLadder by_stalls_ = kByStalls;
  Statistics statistics_;
  std::once_flag first_reservation_;
  std::jthread ticker_;  // last: it uses all the others
};

// The bytes that a transfer gets now; 0: it has to wait.
std::uint64_t MemoryGovernor::Impl::grant(const Demand& demand) const noexcept {
  const auto with_overhead = [](std::uint64_t bytes) { return bytes + kTransferOverhead; };
  const std::uint64_t queue_room = capacity_ > kTransferOverhead ? capacity_ - kTransferOverhead : 0;
  // More than the whole budget would never come.
  std::uint64_t bytes = std::min(demand.wanted, queue_room);
  if (statistics_.level >= MemoryLevel::kTight) bytes /= kTightShare;
  bytes = std::max(bytes, demand.least);
  if (statistics_.in_flight == 0) return bytes;
  const bool fits = statistics_.reserved_bytes + with_overhead(bytes) <= capacity_;
  return fits && statistics_.level != MemoryLevel::kFull ? bytes : 0;
}

Result<std::uint64_t> MemoryGovernor::Impl::reserve(const Demand& demand, const std::stop_token& stop) {
  std::call_once(first_reservation_, [this] {
    sample();
    start_ticker();
  });
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  queue_.push_back(ticket);
  std::uint64_t bytes = 0;
  const auto may_go = [&] { return queue_.front() == ticket && (bytes = grant(demand)) > 0; };
  if (!may_go()) {
    ++statistics_.waits;
    const TimePoint began = clock_.now();
    const bool admitted = admission_.wait(lock, stop, may_go);
    statistics_.waited += std::chrono::duration_cast<Duration>(clock_.now() - began);
    if (!admitted) {
      std::erase(queue_, ticket);
      admission_.notify_all();  // who came behind may be first now
      return fail(ErrorCode::kCancelled, "stopped");
    }
  }
  queue_.pop_front();
  if (statistics_.in_flight++ == 0) busy_.notify_all();
  ++statistics_.reservations;
  if (bytes < demand.wanted) ++statistics_.shrunk;
  statistics_.reserved_bytes += bytes + kTransferOverhead;
  statistics_.reserved_high_water_bytes = std::max(statistics_.reserved_high_water_bytes, statistics_.reserved_bytes);
  if (!queue_.empty()) admission_.notify_all();
  return bytes;
}

void MemoryGovernor::Impl::give_back(std::uint64_t bytes) noexcept {
  {
    const std::lock_guard lock(mutex_);
    statistics_.reserved_bytes -= bytes + kTransferOverhead;
    --statistics_.in_flight;
    if (queue_.empty()) return;
  }
  admission_.notify_all();
}

// Without a thread left for it the budget still bounds what is in flight.
void MemoryGovernor::Impl::start_ticker() noexcept {
  if (interval_ <= Duration(0)) return;
  try {
    ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
  } catch (const std::system_error& error) {
    log_.warn("memory is not watched: no thread for that ({})", error.what());
  }
}

void MemoryGovernor::Impl::tick(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  // Asleep while nothing moves.
  while (busy_.wait(lock, stop, [this] { return statistics_.in_flight > 0; })) {
    busy_.wait_for(lock, stop, interval_, [] { return false; });
    lock.unlock();
    sample();
    lock.lock();
  }
}

void MemoryGovernor::Impl::log(const Transition& transition) const {
  const bool matters = std::max(transition.from, transition.to) >= MemoryLevel::kTight;
  const LogLevel log_level = matters ? LogLevel::kInfo : LogLevel::kDebug;
  if (!log_.enabled(log_level)) return;
  log_.write(log_level, fmt::format("memory: {} of {} ({}) in use, {} % of the time waited for memory: {}, was {}",
                                    format_bytes(transition.resident_bytes), format_bytes(budget_.bytes),
                                    to_string(budget_.source), transition.stalled.value_or(0), to_string(transition.to),
                                    to_string(transition.from)));
}

// Under mutex_: the new figures, and what they change.
std::optional<MemoryGovernor::Transition> MemoryGovernor::Impl::take_note(const MemorySample& now) {
  const double used =
      static_cast<double>(now.resident) / static_cast<double>(std::max<std::uint64_t>(budget_.bytes, 1));
  ++statistics_.samples;
  statistics_.resident_bytes = now.resident;
  statistics_.resident_high_water_bytes = std::max(statistics_.resident_high_water_bytes, now.resident);
  statistics_.stalled = now.stalled;
  const MemoryLevel level = std::max(by_resident_size_.follow(used), by_stalls_.follow(now.stalled.value_or(0)));
  // Down at once; up by two steps at least, or when there is plenty again, so that it does not flap either.
  const std::size_t steps = cap_steps(level, used);
  if (steps < cap_steps_ || steps > cap_steps_ + 1 || level == MemoryLevel::kRelaxed) cap_steps_ = steps;
  const MemoryLevel before = std::exchange(statistics_.level, level);
  if (level == before) return std::nullopt;
  ++statistics_.transition_count;
  auto& kept = statistics_.transitions;
  if (kept.size() == kTransitionsKept) kept.erase(kept.begin());
  kept.push_back({clock_.wall_time(), before, level, now.resident, now.stalled});
  if (level > before && level >= MemoryLevel::kTight) ++statistics_.trims;
  return kept.back();
}

void MemoryGovernor::Impl::sample() {
  const std::lock_guard look(look_mutex_);
  const MemorySample now = probe_.take();
  std::optional<Transition> transition;
  std::size_t cap = 0;
  std::size_t cap_before = 0;
  {
    const std::lock_guard lock(mutex_);
    cap_before = retained_cap();
    transition = take_note(now);
    cap = retained_cap();
  }
  if (cap != cap_before) pool_.set_retained_cap(cap);
  if (transition) {
    log(*transition);
    if (transition->to > transition->from && transition->to >= MemoryLevel::kTight) {
      pool_.trim();
      malloc_trim(0);  // what libcurl and OpenSSL have freed
    }
    admission_.notify_all();
  }
}

MemoryGovernor::Statistics MemoryGovernor::Impl::statistics() const {
  const std::lock_guard lock(mutex_);
  Statistics result = statistics_;
  result.waiting = queue_.size();
  result.retained_cap_bytes = retained_cap();
  return result;
}

MemoryGovernor::MemoryGovernor(io::BufferPool& pool, Clock& clock, Options options, Logger log)
    : impl_(std::make_unique<Impl>(pool, clock, std::move(options), log)) {}
MemoryGovernor::~MemoryGovernor() = default;

Result<MemoryGovernor::Reservation> MemoryGovernor::reserve(const Demand& demand, const std::stop_token& stop) {
  FL_TRY(const std::uint64_t bytes, impl_->reserve(demand, stop));
  return Reservation(this, bytes);
}
void MemoryGovernor::give_back(std::uint64_t bytes) noexcept {
  impl_->give_back(bytes);
}
void MemoryGovernor::sample() {
  impl_->sample();
}
MemoryGovernor::Statistics MemoryGovernor::statistics() const {
  return impl_->statistics();
}

}  // namespace freightliner::runtime
