#pragma once

#include <string>
#include <vector>

#include "cli/log_sink.h"
#include "freightliner/runtime/performance_sampler.h"

namespace freightliner::cli {

/// One line on a run that goes on: what was moved, how fast, what it took.
std::string report_line(const runtime::PerformanceSampler::Look& look);

/// The figures of a run for people, one line each, without the newlines.
std::vector<std::string> statistics_lines(const runtime::PerformanceRecord& record);

/// Writes the figures to standard error: a table (text), or one object with the members of the report (json).
void write_statistics(Terminal& terminal, LogFormat format, const runtime::PerformanceRecord& record);

}  // namespace freightliner::cli
