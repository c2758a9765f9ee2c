#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/runtime/alert.h"
#include "freightliner/runtime/performance_monitor.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::runtime {

/// One row of a run's time series; what can be is counted since the run began.
struct PerformanceSample {
  double seconds = 0;
  std::uint64_t bytes_moved = 0;  ///< blob bytes received, retries included
  std::uint64_t rss_bytes = 0;
  double cpu_seconds = 0;  ///< of the process
  std::uint64_t blobs_in_flight = 0;
  double blob_p99_ms = 0;  ///< of all blobs copied so far
};

/// A time series that stays small: when it is full, every other row goes and only every other further one is taken.
/// Confined to one thread.
class SampleSeries {
 public:
  /// A row is offered every `interval`; `most` is at least 2.
  SampleSeries(Duration interval, std::size_t most) : interval_(interval), most_(most) {}
  void offer(const PerformanceSample& sample);
  /// Takes a row in any case: the last one.
  void close(const PerformanceSample& sample) { rows_.push_back(sample); }

  /// Between two rows, but for the last.
  Duration interval() const noexcept { return interval_; }
  const std::vector<PerformanceSample>& rows() const noexcept { return rows_; }

 private:
  Duration interval_;
  std::size_t most_;
  std::size_t stride_ = 1;  // of those offered, every so many is taken
  std::size_t to_pass_ = 0;
  std::vector<PerformanceSample> rows_;
};

/// What was measured over a whole run.
struct PerformanceRecord {
  PerformanceSnapshot end;
  SampleSeries series{Duration(0), 2};
  std::vector<Alert> alerts;
  std::uint64_t retries = 0;
};

/// Looks at a run once in an interval, in a thread of its own, from construction to finish(): keeps a time series,
/// holds the run to its alert rules, and tells whoever wants to know. Each rule is told of once. Constructed and
/// finished in one thread; what it is given outlives it.
class PerformanceSampler {
 public:
  /// A look at the run.
  struct Look {
    const PerformanceSnapshot& snapshot;
    const PerformanceSample& sample;
    std::uint64_t retries;  ///< since the run began
  };
  struct Options {
    Duration interval{1'000};
    std::size_t most_rows = 600;
    std::vector<AlertRule> rules = {};
    /// Called in the sampler's thread; the second also by finish().
    std::function<void(const Look&)> on_look = nullptr;
    std::function<void(const Alert&)> on_alert = nullptr;
  };
  PerformanceSampler(const PerformanceMonitor& monitor, const Progress& progress, Options options);
  ~PerformanceSampler();
  PerformanceSampler(const PerformanceSampler&) = delete;
  PerformanceSampler& operator=(const PerformanceSampler&) = delete;

  /// Ends the thread, takes a last look and returns what there is; call once.
  PerformanceRecord finish();

 private:
  void run(const std::stop_token& stop);
  PerformanceSnapshot look(bool at_end);
  std::uint64_t retries() const noexcept;
  void judge(const PerformanceSnapshot& snapshot, const AlertRule::Moment& moment);

  const PerformanceMonitor& monitor_;
  const Progress& progress_;
  const Options options_;
  const TimePoint start_;
  const std::uint64_t moved_before_;
  const std::uint64_t retried_before_;
  // Of the sampler's thread, then of finish()'s.
  SampleSeries series_;
  std::vector<Alert> alerts_;
  std::vector<bool> told_;  // by rule
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses all the others
};

}  // namespace freightliner::runtime
