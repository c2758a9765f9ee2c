#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/base/result.h"
#include "freightliner/io/buffer_pool.h"
#include "freightliner/runtime/memory_budget.h"

namespace freightliner::runtime {

/// How short memory is, and what follows.
enum class MemoryLevel {
  kRelaxed,  ///< below 20 % of the budget: the pool keeps what comes back, up to its whole cap
  kLinear,   ///< 20 to 80 %: that cap falls in a line, down to a sixteenth
  kTight,    ///< above 80 %, or something waits for memory: the pool is trimmed, new transfers get smaller queues
  kFull,     ///< above 90 %, or much waits for memory: no new transfer, unless none is under way
};
/// "relaxed", "linear", "tight", "full".
std::string_view to_string(MemoryLevel level) noexcept;

/// Keeps a process within its memory budget. Each transfer reserves the bytes of its queue before it begins; a ticker
/// watches the resident size of the process and the kernel's pressure information (PSI) while transfers run, and sets
/// the pool's cap. A level that was reached is left five percentage points lower, so that it does not flap. Safe from
/// any thread.
///
/// Nobody waits for ever: where no transfer is under way the next one begins, however small the budget and whatever the
/// level; and a transfer that holds a reservation must not wait for another transfer.
class MemoryGovernor {
 public:
  struct Options {
    MemoryBudget budget;
    std::size_t retained_cap = 0;  ///< the most that the pool may keep; lowered to a fifth of what the base leaves
    /// Below which proc and the control groups are looked up; "/" but in tests.
    std::filesystem::path root = "/";
    /// How often the ticker looks; 0: there is none, only sample() looks.
    Duration interval{100};
  };
  /// The bytes of a transfer's queue.
  struct Demand {
    std::uint64_t wanted = 0;
    std::uint64_t least = 0;  ///< a transfer of fewer bytes makes no sense
  };

  /// What a transfer may use; given back on destruction. Move-only; the governor outlives it.
  class Reservation {
   public:
    Reservation() noexcept = default;
    Reservation(Reservation&& other) noexcept
        : governor_(std::exchange(other.governor_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation() {
      if (governor_ != nullptr) governor_->give_back(bytes_);
    }
    /// From the demand's least to what it wanted.
    std::uint64_t bytes() const noexcept { return bytes_; }

   private:
    friend class MemoryGovernor;
    Reservation(MemoryGovernor* governor, std::uint64_t bytes) noexcept : governor_(governor), bytes_(bytes) {}
    MemoryGovernor* governor_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  struct Transition {
    std::chrono::system_clock::time_point time;
    MemoryLevel from = MemoryLevel::kRelaxed;
    MemoryLevel to = MemoryLevel::kRelaxed;
    std::uint64_t resident_bytes = 0;
    std::optional<double> stalled = std::nullopt;  ///< percent, as in Statistics
  };
  struct Statistics {
    MemoryBudget budget;
    std::uint64_t reservable_bytes = 0;  ///< for transfers: four fifths of what the base leaves of the budget
    std::uint64_t reserved_bytes = 0;    ///< of transfers under way, kTransferOverhead for each included
    std::uint64_t reserved_high_water_bytes = 0;
    std::uint64_t in_flight = 0;     ///< reservations that are held now
    std::uint64_t waiting = 0;       ///< transfers that wait for memory now
    std::uint64_t reservations = 0;  ///< made since the start
    std::uint64_t shrunk = 0;        ///< of those, with less than was wanted
    std::uint64_t waits = 0;         ///< of those, and of those given up, that had to wait
    Duration waited{0};              ///< in all, by those that have ended their wait
    MemoryLevel level = MemoryLevel::kRelaxed;
    std::uint64_t resident_bytes = 0;              ///< of the last look
    std::uint64_t resident_high_water_bytes = 0;   ///< of all looks
    std::optional<double> stalled = std::nullopt;  ///< PSI "some", percent of the last 10 s; nullopt: not told
    std::uint64_t samples = 0;
    std::uint64_t trims = 0;               ///< how often the pool was emptied because memory was short
    std::uint64_t retained_cap_bytes = 0;  ///< of the pool, now
    std::uint64_t transition_count = 0;
    std::vector<Transition> transitions = {};  ///< the last 100, oldest first
  };

  /// The pool, the clock and the log's sink outlive the governor.
  MemoryGovernor(io::BufferPool& pool, Clock& clock, Options options, Logger log = {});
  ~MemoryGovernor();
  MemoryGovernor(const MemoryGovernor&) = delete;
  MemoryGovernor& operator=(const MemoryGovernor&) = delete;

  /// Waits, first come, first served, until the bytes fit into the budget. Errors: kCancelled.
  Result<Reservation> reserve(const Demand& demand, const std::stop_token& stop);
  /// Looks at the memory and acts on what it sees. The ticker does this while transfers run.
  void sample();
  Statistics statistics() const;

 private:
  void give_back(std::uint64_t bytes) noexcept;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::runtime
