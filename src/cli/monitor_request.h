#pragma once

#include <filesystem>
#include <vector>

#include "cli/settings.h"
#include "freightliner/runtime/alert.h"

namespace freightliner::cli {

/// What is to be told of a run's own figures. A value type.
struct MonitorRequest {
  bool stats = false;
  Duration report_interval{0};              ///< 0: no reports while it runs
  std::filesystem::path report = {};        ///< empty: none
  std::filesystem::path metrics_file = {};  ///< empty: none
  std::vector<runtime::AlertRule> alerts = {};
  bool alert_fail = false;
};

/// Errors: kUsage for alerts that can't be read, and for places where no file can be written: that would be noticed
/// when all is done.
Result<MonitorRequest> read_monitor_request(const Settings& settings);

}  // namespace freightliner::cli
