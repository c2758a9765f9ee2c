#pragma once

#include <optional>
#include <string>

#include "cli/monitor_request.h"
#include "cli/run_frame.h"
#include "freightliner/runtime/metrics_text.h"
#include "freightliner/runtime/performance_sampler.h"

namespace freightliner::cli {

/// Measures one run from its construction to finish(), and tells of it as the user asked for: short reports and a
/// metrics file while it lasts, alerts as they come, figures at the end. Used from the thread that constructs it; the
/// frame and the request outlive it.
class RunMonitor {
 public:
  RunMonitor(RunFrame& frame, const MonitorRequest& request, std::string_view command);
  RunMonitor(const RunMonitor&) = delete;
  RunMonitor& operator=(const RunMonitor&) = delete;

  /// What the run works with.
  RunServices services() noexcept { return frame_.services(monitor_); }
  /// Ends the measuring, when all that was measured is gone; call once, before what follows.
  const runtime::PerformanceRecord& finish();
  /// The exit code of a run that has done its work with `code`: 15 where an alert is to fail it.
  int judge(int code) const noexcept;
  /// Tells the figures and writes the last metrics. Returns `code`, or that of what went wrong here where it was 0.
  int conclude(int code);

 private:
  void look(const runtime::PerformanceSampler::Look& look);
  Status write_metrics(const runtime::PerformanceSnapshot& snapshot, runtime::RunFacts facts);

  RunFrame& frame_;
  const MonitorRequest& request_;
  const std::string command_;
  const std::chrono::system_clock::time_point started_;
  runtime::PerformanceMonitor monitor_;
  runtime::PerformanceRecord record_;
  // Of the sampler's thread.
  Duration next_report_;
  Duration next_metrics_{0};
  bool metrics_failed_ = false;
  std::uint64_t alerts_ = 0;
  std::optional<runtime::PerformanceSampler> sampler_;  // last: its thread uses all the others
};

}  // namespace freightliner::cli
