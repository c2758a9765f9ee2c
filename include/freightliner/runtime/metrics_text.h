#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::runtime {

/// What metrics say of the run as a whole.
struct RunFacts {
  std::string_view run = {};  ///< a label of every series: several files on one machine must differ
  std::string_view version = {};
  std::string_view command = {};
  double started = 0;  ///< seconds since the epoch
  double seconds = 0;  ///< since then
  std::uint64_t bytes_moved = 0;
  std::uint64_t retries = 0;
  std::uint64_t alerts = 0;
  std::optional<int> exit_code = std::nullopt;  ///< of a run that has ended
};

/// The figures of a run in Prometheus's text exposition format, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats), with names by its conventions; docs/OBSERVABILITY.md explains
/// each. Every series is there from the beginning, but those of single hosts.
std::string metrics_text(const PerformanceSnapshot& snapshot, const RunFacts& facts);

/// A label's value as that format wants it: backslash, quote and line feed escaped.
std::string escape_label(std::string_view value);

}  // namespace freightliner::runtime
