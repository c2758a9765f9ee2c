#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/error.h"
#include "freightliner/base/guarded.h"
#include "freightliner/io/buffer_pool.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/runtime/latency_histogram.h"
#include "freightliner/runtime/memory_governor.h"
#include "freightliner/runtime/system_usage.h"

namespace freightliner::runtime {

/// What is measured one by one. docs/OBSERVABILITY.md says what each includes.
enum class Operation : std::uint8_t {
  kBlobCopy,       ///< a blob from its source to its destination
  kRecompress,     ///< the same with the layer packed anew on the way
  kHead,           ///< is a manifest or blob there
  kMount,          ///< a blob from another repository, or as the question whether it is there
  kUploadStart,    ///< the session of an upload
  kUploadCancel,   ///< its end where the upload failed
  kDownloadStart,  ///< a blob's GET, to its headers
  kManifestGet,
  kManifestPut,
  kTagList,  ///< a page of it, as the next two
  kCatalog,
  kReferrers,
  kDelete,
  kToken,  ///< from a token server
};
inline constexpr std::size_t kOperations = 14;
/// "blob_copy", "recompress", "head", "mount", "upload_start", "upload_cancel", "download_start", "manifest_get",
/// "manifest_put", "tag_list", "catalog", "referrers", "delete", "token": stable, they stand in reports, metrics and
/// alerts.
std::string_view to_string(Operation operation) noexcept;
std::span<const Operation, kOperations> all_operations() noexcept;
/// nullopt where there is none of that name; "blob" is short for "blob_copy".
std::optional<Operation> find_operation(std::string_view name) noexcept;

struct OperationStatistics {
  Operation operation = Operation::kBlobCopy;
  std::uint64_t errors = 0;     ///< of those counted in `latency`
  std::uint64_t bytes = 0;      ///< bodies sent and received; of blobs those that arrived whole
  std::uint64_t items = 0;      ///< what it brought: names of a list, else 1 each time that it worked
  std::uint64_t in_flight = 0;  ///< under way now
  LatencySnapshot latency;
};

/// How often something waited, and for how long in all.
struct WaitStatistics {
  std::uint64_t count = 0;
  Duration time{0};
};

struct HostStatistics {
  std::string host;
  std::uint64_t requests = 0;   ///< small ones and the GETs of blobs
  std::uint64_t throttled = 0;  ///< of those, answered with 429 or 503
  WaitStatistics waits;         ///< for a pause that the host asked for, or for --requests-per-second
};

/// All figures of a run at one time.
struct PerformanceSnapshot {
  std::vector<OperationStatistics> operations;  ///< all, in the order of Operation
  SystemUsage system;
  std::uint64_t connections_opened = 0;
  std::uint64_t requests = 0;  ///< sent on those connections
  std::vector<HostStatistics> hosts;
  WaitStatistics bandwidth;
  io::BufferPool::Statistics buffer_pool;
  MemoryGovernor::Statistics memory;
  CleanupRegistry::Statistics cleanups;

  const OperationStatistics& of(Operation operation) const { return operations[static_cast<std::size_t>(operation)]; }
  /// Blobs that are being moved now.
  std::uint64_t blobs_in_flight() const;
  /// Of all hosts together.
  WaitStatistics rate_limit() const noexcept;
};

/// Counts and times the operations of one run and collects what its components know of themselves. Recording takes no
/// lock and allocates nothing. Safe from any thread.
class PerformanceMonitor {
 public:
  /// How an operation ended.
  struct Outcome {
    bool failed = false;
    std::uint64_t bytes = 0;
    std::uint64_t items = 0;
  };
  /// Adds a component's figures to a snapshot.
  using Source = std::function<void(PerformanceSnapshot&)>;

  /// While it lives, its source is asked for every snapshot; when it goes, once more, and those figures stay.
  /// Move-only; the monitor outlives it, what the source asks outlives it as well.
  class Contribution {
   public:
    Contribution(Contribution&& other) noexcept : monitor_(std::exchange(other.monitor_, nullptr)) {}
    Contribution& operator=(Contribution&&) = delete;
    ~Contribution();

   private:
    friend class PerformanceMonitor;
    explicit Contribution(PerformanceMonitor& monitor) noexcept : monitor_(&monitor) {}
    PerformanceMonitor* monitor_;
  };

  PerformanceMonitor() = default;
  PerformanceMonitor(const PerformanceMonitor&) = delete;
  PerformanceMonitor& operator=(const PerformanceMonitor&) = delete;

  void record(Operation operation, std::chrono::nanoseconds time, const Outcome& outcome) noexcept {
    Counters& counters = of(operation);
    counters.latency.record(time);
    if (outcome.failed) counters.errors.fetch_add(1, std::memory_order_relaxed);
    if (outcome.bytes > 0) counters.bytes.fetch_add(outcome.bytes, std::memory_order_relaxed);
    if (outcome.items > 0) counters.items.fetch_add(outcome.items, std::memory_order_relaxed);
  }
  /// For what is known only when the operation was recorded.
  void add_items(Operation operation, std::uint64_t items) noexcept {
    of(operation).items.fetch_add(items, std::memory_order_relaxed);
  }

  /// One source at a time.
  [[nodiscard]] Contribution contribute(Source source);
  PerformanceSnapshot snapshot() const;

 private:
  friend class OperationTimer;
  struct alignas(64) Counters {
    std::atomic<std::uint64_t> errors{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> items{0};
    std::atomic<std::uint64_t> in_flight{0};
    LatencyHistogram latency;
  };
  struct Components {
    Source source;
    PerformanceSnapshot kept;  // of the sources that are gone
  };
  Counters& of(Operation operation) noexcept { return operations_[static_cast<std::size_t>(operation)]; }

  std::array<Counters, kOperations> operations_;
  Guarded<Components> components_;
};

/// Times one operation from its construction (or an earlier `start`) to finish() or fail(); what ends in neither counts
/// as failed. By the system's steady clock. Confined to one thread; the monitor outlives it.
class OperationTimer {
 public:
  OperationTimer(PerformanceMonitor& monitor, Operation operation,
                 std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now()) noexcept
      : monitor_(monitor), operation_(operation), start_(start) {
    monitor_.of(operation_).in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  ~OperationTimer() {
    if (!ended_) finish({.failed = true});
  }
  OperationTimer(const OperationTimer&) = delete;
  OperationTimer& operator=(const OperationTimer&) = delete;

  void finish(const PerformanceMonitor::Outcome& outcome) noexcept {
    end();
    monitor_.record(operation_, std::chrono::steady_clock::now() - start_, outcome);
  }
  /// Counts a failure, but not one that a stopped run has caused.
  void fail(const Error& error) noexcept {
    if (error.code() == ErrorCode::kCancelled) return end();
    finish({.failed = true});
  }

 private:
  void end() noexcept {
    ended_ = true;
    monitor_.of(operation_).in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  PerformanceMonitor& monitor_;
  const Operation operation_;
  const TimePoint start_;
  bool ended_ = false;
};

}  // namespace freightliner::runtime
