#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"

namespace freightliner::replicate {

/// Stands for a number that a report lacks.
inline constexpr double kNoFigure = std::numeric_limits<double>::quiet_NaN();

/// One kind of operation of a run, as "performance.operations" has it.
struct OperationFigures {
  std::string name;
  double count = kNoFigure;
  double errors = kNoFigure;
  double bytes = kNoFigure;
  double items = kNoFigure;
  double seconds_total = kNoFigure;
  double p50_ms = kNoFigure;
  double p90_ms = kNoFigure;
  double p99_ms = kNoFigure;
  double max_ms = kNoFigure;
};

/// What one host was asked, as "performance.hosts" has it.
struct HostFigures {
  std::string name;
  double requests = kNoFigure;
  double throttled = kNoFigure;  ///< answers 429 and 503
  double waits = kNoFigure;      ///< for its rate limit
  double wait_seconds = kNoFigure;
};

/// What was measured over time: "performance.samples". Columns are found by their names.
struct ReportSamples {
  std::vector<std::string> columns;
  std::vector<double> values;  ///< row after row; kNoFigure for null

  std::size_t rows() const noexcept { return columns.empty() ? 0 : values.size() / columns.size(); }
  std::optional<std::size_t> column(std::string_view name) const noexcept;
  double at(std::size_t row, std::size_t column) const { return values[row * columns.size() + column]; }
};

struct ReportAlert {
  std::string alert;  ///< the condition: "rss>64MiB"
  std::string message;
  double value = kNoFigure;
  double seconds = kNoFigure;  ///< since the run began
};

struct MemoryTransition {
  std::string time;
  std::string from;
  std::string to;
  double resident_bytes = kNoFigure;
};

/// A report without its references. Texts are as the file has them: printable() before anybody sees them.
struct ReportSummary {
  std::string source;
  std::string destination;
  std::string started;
  std::string error_class;  ///< with `error`, of the run as a whole; empty where nothing stopped it
  std::string error;
  bool dry_run = false;
  std::uint64_t references = 0;
  /// Every number outside of arrays, by its place: "exit_code", "totals.copied", "performance.memory.waits".
  std::map<std::string, double, std::less<>> figures;
  /// Every text below "performance" outside of arrays: "performance.memory.level".
  std::map<std::string, std::string, std::less<>> texts;
  std::vector<OperationFigures> operations;
  std::vector<HostFigures> hosts;
  ReportSamples samples;
  std::vector<ReportAlert> alerts;
  std::vector<MemoryTransition> transitions;

  /// kNoFigure where there is none: reports of earlier versions have fewer.
  double figure(std::string_view place) const noexcept;
};

/// Reads a report (docs/STATE_FORMAT.md, "Reports"), piece by piece, also from a pipe. What it does not know it passes
/// over. Bounded in every direction: 4,096 figures and texts, 1,024 operations and hosts, 10,000 alerts and
/// transitions, 2 million samples. Errors: kNotFound, kLocalIo, kUsage for a file that is no report, or one that
/// contradicts itself.
Result<ReportSummary> read_report_summary(const std::filesystem::path& path);

}  // namespace freightliner::replicate
