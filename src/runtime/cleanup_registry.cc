#include "freightliner/runtime/cleanup_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

namespace freightliner::runtime {
namespace {

constexpr std::size_t kFailuresKept = 100;
constexpr Duration kLastLimit{5'000};

bool may_run_anywhere(CleanupKind kind) noexcept {
  return kind != CleanupKind::kUploadSession;
}

// Nothing leaves: clean-up goes on.
Status call(const CleanupRegistry::Action& action) noexcept {
  try {
    return action();
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, error.what());
  } catch (...) {
    return fail(ErrorCode::kInternal, "an exception of an unknown kind");
  }
}

}  // namespace

std::string_view to_string(CleanupKind kind) noexcept {
  switch (kind) {
    case CleanupKind::kUploadSession:
      return "upload session";
    case CleanupKind::kTemporaryFile:
      return "temporary file";
    case CleanupKind::kLayout:
      return "unfinished layout";
    case CleanupKind::kLock:
      break;
  }
  return "lock";
}

int cleanup_priority(CleanupKind kind) noexcept {
  if (kind == CleanupKind::kUploadSession) return 10;
  return kind == CleanupKind::kLock ? 1 : 5;
}

std::string CleanupRegistry::Held::describe() const {
  return fmt::format("{} {}, for {}", to_string(kind), name, format_duration(age));
}

class CleanupRegistry::Impl {
 public:
  Impl(Clock& clock, Logger log) : clock_(clock), log_(log) {}

  std::uint64_t add(CleanupKind kind, std::string name, Action action) {
    const std::lock_guard lock(mutex_);
    entries_.emplace(++last_id_, Entry{kind, std::move(name), std::move(action), clock_.now(), std::nullopt});
    return last_id_;
  }
  void end(std::uint64_t id, bool undo) noexcept;
  std::size_t run_all(Duration limit) noexcept;
  std::vector<Held> held(Duration age) const;
  Statistics statistics() const;

 private:
  struct Entry {
    CleanupKind kind;
    std::string name;
    Action action;
    TimePoint since;
    std::optional<std::thread::id> runner;  // who undoes it
  };
  using Entries = std::map<std::uint64_t, Entry>;  // by age

  void run(std::unique_lock<std::mutex>& lock, Entries::iterator entry) noexcept;
  Entries::iterator next_to_run() noexcept;

  Clock& clock_;
  const Logger log_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::uint64_t last_id_ = 0;
  Entries entries_;
  Statistics statistics_;  // but for what follows from the entries
};

// The action runs, and is destroyed, outside the lock. Meanwhile nobody else touches the entry.
void CleanupRegistry::Impl::run(std::unique_lock<std::mutex>& lock, Entries::iterator entry) noexcept {
  entry->second.runner = std::this_thread::get_id();
  Action action = std::move(entry->second.action);
  lock.unlock();
  const Status outcome = call(action);
  action = nullptr;
  if (!outcome) {
    log_.info("clean-up of {} {}: {}", to_string(entry->second.kind), entry->second.name, outcome.error().describe());
  }
  lock.lock();
  ++(outcome ? statistics_.cleaned : statistics_.failed);
  if (!outcome && statistics_.failures.size() < kFailuresKept) {
    statistics_.failures.push_back({entry->second.kind, entry->second.name, outcome.error().describe()});
  }
  entries_.erase(entry);
  ended_.notify_all();
}

void CleanupRegistry::Impl::end(std::uint64_t id, bool undo) noexcept {
  Action unused;  // destroyed outside the lock: what it holds may be a registration
  std::unique_lock lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  if (entry->second.runner) {
    // What the action uses must stay until it is done; but an action that drops its own registration goes on.
    if (*entry->second.runner == std::this_thread::get_id()) return;
    ended_.wait(lock, [&] { return !entries_.contains(id); });
    return;
  }
  if (undo) return run(lock, entry);
  unused = std::move(entry->second.action);
  entries_.erase(entry);
  ++statistics_.finished;
  lock.unlock();
}

CleanupRegistry::Impl::Entries::iterator CleanupRegistry::Impl::next_to_run() noexcept {
  auto best = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.runner || !may_run_anywhere(entry->second.kind)) continue;
    const bool better =
        best == entries_.end() || cleanup_priority(entry->second.kind) >= cleanup_priority(best->second.kind);
    if (better) best = entry;  // of equals the newer one, which comes later
  }
  return best;
}

std::size_t CleanupRegistry::Impl::run_all(Duration limit) noexcept {
  const TimePoint end = clock_.now() + limit;
  std::size_t count = 0;
  std::unique_lock lock(mutex_);
  for (auto entry = next_to_run(); entry != entries_.end() && clock_.now() <= end; entry = next_to_run()) {
    run(lock, entry);
    ++count;
  }
  return count;
}

std::vector<CleanupRegistry::Held> CleanupRegistry::Impl::held(Duration age) const {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.now();
  std::vector<Held> result;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    const auto old = std::chrono::duration_cast<Duration>(now - entry->second.since);
    if (old >= age) result.push_back({entry->second.kind, entry->second.name, old});
  }
  std::ranges::stable_sort(result, std::ranges::greater(),
                           [](const Held& held) { return cleanup_priority(held.kind); });
  return result;
}

CleanupRegistry::Statistics CleanupRegistry::Impl::statistics() const {
  const std::lock_guard lock(mutex_);
  Statistics result = statistics_;
  result.registered = last_id_;
  result.active = entries_.size();
  return result;
}

CleanupRegistry::Registration& CleanupRegistry::Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  run();
  registry_ = std::exchange(other.registry_, nullptr);
  id_ = other.id_;
  return *this;
}

void CleanupRegistry::Registration::run() noexcept {
  if (CleanupRegistry* const registry = std::exchange(registry_, nullptr)) registry->impl_->end(id_, true);
}
void CleanupRegistry::Registration::release() noexcept {
  if (CleanupRegistry* const registry = std::exchange(registry_, nullptr)) registry->impl_->end(id_, false);
}

CleanupRegistry::CleanupRegistry(Clock& clock, Logger log) : impl_(std::make_unique<Impl>(clock, log)) {}
CleanupRegistry::~CleanupRegistry() {
  impl_->run_all(kLastLimit);
}
CleanupRegistry::Registration CleanupRegistry::add(CleanupKind kind, std::string name, Action action) {
  return Registration(this, impl_->add(kind, std::move(name), std::move(action)));
}
std::size_t CleanupRegistry::run_all(Duration limit) noexcept {
  return impl_->run_all(limit);
}
std::vector<CleanupRegistry::Held> CleanupRegistry::held(Duration age) const {
  return impl_->held(age);
}
CleanupRegistry::Statistics CleanupRegistry::statistics() const {
  return impl_->statistics();
}

}  // namespace freightliner::runtime
