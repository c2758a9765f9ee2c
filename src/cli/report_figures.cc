#include "cli/report_figures.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/plot_series.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/clock.h"

namespace freightliner::cli {
namespace {

using replicate::kNoFigure;
using replicate::ReportSummary;

// Above these the formatters for people would overflow, and say nothing to people anyway.
constexpr double kMostCount = 1e15;
constexpr double kMostBytes = 9e18;

double quotient(double part, double whole) noexcept {
  return whole > 0 ? part / whole : kNoFigure;
}

double highest_throughput(const ReportSummary& report) {
  const Series series = throughput_of(report.samples);
  return series.empty() ? kNoFigure : highest_of(series);
}

double cpu_per_gibibyte(const ReportSummary& report) {
  const double bytes = report.figure("performance.bytes_copied");
  // Of a run that moved next to nothing it would say nothing.
  if (bytes < static_cast<double>(kMiB)) return kNoFigure;
  const double seconds =
      report.figure("performance.system.cpu_user_seconds") + report.figure("performance.system.cpu_system_seconds");
  return quotient(seconds, bytes / static_cast<double>(kGiB));
}

double requests_per_connection(const ReportSummary& report) {
  return quotient(report.figure("performance.connections.requests"), report.figure("performance.connections.opened"));
}

double pool_hits(const ReportSummary& report) {
  return 100 *
         quotient(report.figure("performance.buffer_pool.hits"), report.figure("performance.buffer_pool.acquired"));
}

double pressure_changes(const ReportSummary& report) {
  // Of a report without a governor nothing is known.
  if (std::isnan(report.figure("performance.memory.waits"))) return kNoFigure;
  return static_cast<double>(report.transitions.size());
}

constexpr auto kCount = FigureUnit::kCount;
constexpr auto kBytes = FigureUnit::kBytes;
constexpr auto kRate = FigureUnit::kBytesPerSecond;
constexpr auto kSeconds = FigureUnit::kSeconds;
constexpr auto kNone = Direction::kNone;
constexpr auto kMore = Direction::kMore;
constexpr auto kLess = Direction::kLess;

constexpr Figure kFigures[] = {
    {"OUTCOME", "duration", "duration_ms", FigureUnit::kMilliseconds, kLess},
    {"OUTCOME", "exit code", "exit_code"},
    {"OUTCOME", "repositories", "totals.repositories"},
    {"OUTCOME", "repositories skipped", "totals.repositories_skipped", kCount, kNone, true},
    {"OUTCOME", "tags", "totals.tags"},
    {"OUTCOME", "copied", "totals.copied"},
    {"OUTCOME", "equal", "totals.equal"},
    {"OUTCOME", "kept", "totals.kept", kCount, kNone, true},
    {"OUTCOME", "planned", "totals.planned", kCount, kNone, true},
    {"OUTCOME", "skipped by filter", "totals.skipped_by_filter", kCount, kNone, true},
    {"OUTCOME", "not begun", "totals.not_begun", kCount, kLess, true},
    {"OUTCOME", "failed", "totals.failed", kCount, kLess},
    {"OUTCOME", "deleted", "totals.deleted", kCount, kNone, true},
    {"OUTCOME", "missing", "totals.missing", kCount, kLess, true},
    {"OUTCOME", "different", "totals.different", kCount, kLess, true},
    {"OUTCOME", "extra", "totals.extra", kCount, kLess, true},
    {"THROUGHPUT", "bytes copied", "performance.bytes_copied", kBytes},
    {"THROUGHPUT", "bytes per second", "performance.bytes_per_second", kRate, kMore},
    {"THROUGHPUT", "highest in a sample", "derived.highest_bytes_per_second", kRate, kMore, false, highest_throughput},
    {"THROUGHPUT", "tags per second", "performance.tags_per_second", FigureUnit::kPerSecond, kMore},
    {"THROUGHPUT", "blobs copied", "performance.blobs.copied"},
    {"THROUGHPUT", "blobs mounted", "performance.blobs.mounted"},
    {"THROUGHPUT", "blobs present before", "performance.blobs.present"},
    {"THROUGHPUT", "requests sent again", "performance.retries", kCount, kLess},
    {"MEMORY", "peak resident", "performance.peak_rss_bytes", kBytes, kLess},
    {"MEMORY", "resident at the end", "performance.system.rss_bytes", kBytes, kLess},
    {"MEMORY", "heap at the end", "performance.system.heap_bytes", kBytes, kLess},
    {"MEMORY", "budget", "performance.memory.budget_bytes", kBytes, kNone, false, nullptr,
     "performance.memory.budget_source"},
    {"MEMORY", "most reserved", "performance.memory.reserved_high_water_bytes", kBytes, kLess},
    {"MEMORY", "waits for memory", "performance.memory.waits", kCount, kLess},
    {"MEMORY", "smaller buffers given", "performance.memory.shrunk", kCount, kLess},
    {"MEMORY", "trims", "performance.memory.trims", kCount, kLess},
    {"MEMORY", "changes of pressure", "derived.pressure_changes", kCount, kLess, false, pressure_changes},
    {"MEMORY", "buffers acquired", "performance.buffer_pool.acquired"},
    {"MEMORY", "from the pool", "derived.buffer_pool_hit_percent", FigureUnit::kPercent, kMore, false, pool_hits},
    {"MEMORY", "most in buffers", "performance.buffer_pool.high_water_bytes", kBytes, kLess},
    {"SYSTEM", "CPU, user", "performance.system.cpu_user_seconds", kSeconds, kLess},
    {"SYSTEM", "CPU, system", "performance.system.cpu_system_seconds", kSeconds, kLess},
    {"SYSTEM", "CPU per GiB", "derived.cpu_seconds_per_gib", kSeconds, kLess, false, cpu_per_gibibyte},
    {"SYSTEM", "threads", "performance.system.threads"},
    {"SYSTEM", "open descriptors", "performance.system.open_descriptors"},
    {"SYSTEM", "context switches", "performance.system.voluntary_context_switches", kCount, kLess},
    {"SYSTEM", "forced switches", "performance.system.involuntary_context_switches", kCount, kLess},
    {"SYSTEM", "connections opened", "performance.connections.opened", kCount, kLess},
    {"SYSTEM", "requests", "performance.connections.requests", kCount, kLess},
    {"SYSTEM", "requests per connection", "derived.requests_per_connection", FigureUnit::kPerSecond, kMore, false,
     requests_per_connection},
    {"WAITS", "for the rate limit", "performance.waits.rate_limit.count", kCount, kLess},
    {"WAITS", "  time", "performance.waits.rate_limit.seconds", kSeconds, kLess},
    {"WAITS", "for bandwidth", "performance.waits.bandwidth.count", kCount, kLess},
    {"WAITS", "  time", "performance.waits.bandwidth.seconds", kSeconds, kLess},
    {"WAITS", "for memory", "performance.waits.memory.count", kCount, kLess},
    {"WAITS", "  time", "performance.waits.memory.seconds", kSeconds, kLess},
    {"CLEAN-UP", "registered", "performance.cleanups.registered"},
    {"CLEAN-UP", "finished", "performance.cleanups.finished"},
    {"CLEAN-UP", "undone", "performance.cleanups.cleaned"},
    {"CLEAN-UP", "failed to undo", "performance.cleanups.failed", kCount, kLess},
};

std::string milliseconds_text(double value) {
  if (value >= kMostCount) return fmt::format("{:.2e} ms", value);
  if (value < 10 && value != std::floor(value)) return fmt::format("{:.2f} ms", value);
  return format_duration(Duration(std::llround(value)));
}

std::string bytes_text(double value) {
  return value < kMostBytes ? format_bytes(static_cast<std::uint64_t>(std::llround(value)))
                            : fmt::format("{:.2e} B", value);
}

}  // namespace

std::span<const Figure> report_figures() noexcept {
  return kFigures;
}

double value_of(const Figure& figure, const ReportSummary& report) {
  return figure.derive != nullptr ? figure.derive(report) : report.figure(figure.place);
}

std::string figure_text(double value, FigureUnit unit) {
  if (!std::isfinite(value)) return "-";
  switch (unit) {
    case FigureUnit::kCount:
      return value < kMostCount ? fmt::format("{:.0f}", value) : fmt::format("{:.2e}", value);
    case FigureUnit::kBytes:
      return bytes_text(value);
    case FigureUnit::kBytesPerSecond:
      return bytes_text(value) + "/s";
    case FigureUnit::kPerSecond:
      return value < kMostCount ? fmt::format("{:.1f}", value) : fmt::format("{:.2e}", value);
    case FigureUnit::kMilliseconds:
      return milliseconds_text(value);
    case FigureUnit::kSeconds:
      return milliseconds_text(value * 1000);
    case FigureUnit::kPercent:
      return fmt::format("{:.1f} %", value);
  }
  return {};
}

Change change_of(double old_value, double new_value, Direction direction) noexcept {
  if (std::isnan(old_value) || std::isnan(new_value)) return {};
  Change change;
  if (old_value > 0) change.percent = (new_value - old_value) / old_value * 100;
  if (!std::isfinite(change.percent)) change.percent = kNoFigure;
  if (direction == Direction::kNone || old_value == new_value) return change;
  change.verdict = (new_value > old_value) == (direction == Direction::kMore) ? "better" : "worse";
  return change;
}

std::string percent_text(double percent) {
  if (std::isnan(percent)) return {};
  if (percent == 0) return "=";
  if (percent < 1000) return fmt::format("{:+.1f} %", percent);
  const double factor = percent / 100 + 1;
  return factor < 1e6 ? fmt::format("x {:.1f}", factor) : fmt::format("x {:.1e}", factor);
}

}  // namespace freightliner::cli
