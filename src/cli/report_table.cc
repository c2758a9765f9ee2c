#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/report_figures.h"
#include "cli/report_view.h"
#include "cli/text_plot.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using replicate::HostFigures;
using replicate::OperationFigures;
using replicate::ReportAlert;
using replicate::ReportSummary;

constexpr std::size_t kMaxName = 512;
constexpr std::size_t kMostEvents = 20;

// A batch has a source alone: its lines have the destinations.
std::string way_of(const ReportSummary& report, bool unicode) {
  const std::string source = printable(report.source, kMaxName);
  if (report.destination.empty()) return source;
  return fmt::format("{} {} {}", source, unicode ? "→" : "->", printable(report.destination, kMaxName));
}

std::string head_of(const ReportSummary& report, std::string_view prefix, bool unicode) {
  std::string text =
      fmt::format("{}{}{}, begun {}\n", prefix, way_of(report, unicode), report.dry_run ? ", dry run" : "",
                  report.started.empty() ? "-" : printable(report.started, 64));
  if (!report.error_class.empty() || !report.error.empty()) {
    text += fmt::format("{}stopped: {}: {}\n", prefix, printable(report.error_class, 64),
                        printable(report.error, 2 * kMaxName));
  }
  return text;
}

/// Whether there is anything to show of a figure: what no report has is left out.
bool is_shown(const Figure& figure, const ReportView& view) {
  const auto counts = [&](const ReportSummary& report) {
    const double value = value_of(figure, report);
    return !std::isnan(value) && (!figure.rare || value > 0);
  };
  return counts(view.report) || (view.old != nullptr && counts(*view.old));
}

std::string remark_of(const Figure& figure, const ReportSummary& report) {
  const auto found = report.texts.find(figure.remark);
  return found == report.texts.end() ? "" : fmt::format("  {}", printable(found->second, 64));
}

std::string row_of(const Figure& figure, const ReportView& view) {
  const double value = value_of(figure, view.report);
  const std::string text = figure_text(value, figure.unit);
  if (view.old == nullptr) return fmt::format("  {:<24}{:>14}{}\n", figure.label, text, remark_of(figure, view.report));
  const double before = value_of(figure, *view.old);
  const Change change = change_of(before, value, figure.direction);
  std::string row = fmt::format("  {:<24}{:>14}{:>14}{:>12}  {}", figure.label, figure_text(before, figure.unit), text,
                                percent_text(change.percent), change.verdict);
  row.resize(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string heading(std::string_view section, const ReportView& view) {
  if (view.old == nullptr) return fmt::format("\n{}\n", section);
  return fmt::format("\n{:<26}{:>14}{:>14}{:>12}\n", section, "OLD", "NEW", "CHANGE");
}

std::string figures_of(const ReportView& view) {
  std::string text;
  std::string_view section;
  for (const Figure& figure : report_figures()) {
    if (!is_shown(figure, view)) continue;
    if (figure.section != section) text += heading(figure.section, view);
    section = figure.section;
    text += row_of(figure, view);
  }
  return text;
}

std::string operation_row(std::string_view name, std::string_view which, const OperationFigures& operation) {
  const auto count = [](double value) { return figure_text(value, FigureUnit::kCount); };
  const auto time = [](double value) { return figure_text(value, FigureUnit::kMilliseconds); };
  return fmt::format("  {:<22}{:<7}{:>8}{:>8}{:>11}{:>10}{:>10}{:>10}{:>10}\n", name, which, count(operation.count),
                     count(operation.errors), figure_text(operation.bytes, FigureUnit::kBytes), time(operation.p50_ms),
                     time(operation.p90_ms), time(operation.p99_ms), time(operation.max_ms));
}

std::string operation_change(const OperationFigures& before, const OperationFigures& now) {
  const auto change = [](double from, double to) {
    return percent_text(change_of(from, to, Direction::kLess).percent);
  };
  const std::string_view verdict = change_of(before.p99_ms, now.p99_ms, Direction::kLess).verdict;
  return fmt::format("  {:<22}{:<7}{:>8}{:>8}{:>11}{:>10}{:>10}{:>10}{:>10}{}\n", "", "change", "", "", "",
                     change(before.p50_ms, now.p50_ms), change(before.p90_ms, now.p90_ms),
                     change(before.p99_ms, now.p99_ms), change(before.max_ms, now.max_ms),
                     verdict.empty() ? "" : fmt::format("  p99 {}", verdict));
}

const OperationFigures* find_operation(const ReportSummary& report, std::string_view name) {
  const auto found = std::ranges::find(report.operations, name, &OperationFigures::name);
  return found == report.operations.end() ? nullptr : &*found;
}

std::string operations_of(const ReportView& view) {
  std::string rows;
  for (const OperationFigures& now : view.report.operations) {
    const std::string name = printable(now.name, 21);
    const OperationFigures* const before = view.old == nullptr ? nullptr : find_operation(*view.old, now.name);
    if (before != nullptr) {
      rows += operation_row(name, "old", *before) + operation_row("", "new", now) + operation_change(*before, now);
    } else {
      rows += operation_row(name, view.old == nullptr ? "" : "new", now);
    }
  }
  for (std::size_t i = 0; view.old != nullptr && i < view.old->operations.size(); ++i) {
    const OperationFigures& before = view.old->operations[i];
    if (find_operation(view.report, before.name) == nullptr) {
      rows += operation_row(printable(before.name, 21), "old", before);
    }
  }
  if (rows.empty()) return {};
  return fmt::format("\n{:<31}{:>8}{:>8}{:>11}{:>10}{:>10}{:>10}{:>10}\n", "OPERATIONS", "COUNT", "ERRORS", "BYTES",
                     "P50", "P90", "P99", "MAX") +
         rows;
}

std::string more_of(std::size_t count) {
  return count > kMostEvents ? fmt::format("  (and {} more)\n", count - kMostEvents) : "";
}

std::string hosts_of(const ReportView& view) {
  std::string rows;
  const auto add = [&](const ReportSummary& report, std::string_view which) {
    for (std::size_t i = 0; i < std::min(report.hosts.size(), kMostEvents); ++i) {
      const HostFigures& host = report.hosts[i];
      rows += fmt::format("  {:<5}{:<40}{:>10}{:>11}{:>10}{:>12}\n", which, printable(host.name, 39),
                          figure_text(host.requests, FigureUnit::kCount),
                          figure_text(host.throttled, FigureUnit::kCount), figure_text(host.waits, FigureUnit::kCount),
                          figure_text(host.wait_seconds, FigureUnit::kSeconds));
    }
    rows += more_of(report.hosts.size());
  };
  if (view.old != nullptr) add(*view.old, "old");
  add(view.report, view.old == nullptr ? "" : "new");
  if (rows.empty()) return {};
  return fmt::format("\n{:<47}{:>10}{:>11}{:>10}{:>12}\n", "HOSTS", "REQUESTS", "THROTTLED", "WAITS", "WAITED") + rows;
}

std::string alerts_of(const ReportSummary& report, std::string_view prefix) {
  std::string text;
  for (std::size_t i = 0; i < std::min(report.alerts.size(), kMostEvents); ++i) {
    const ReportAlert& alert = report.alerts[i];
    const std::string when =
        std::isnan(alert.seconds) ? "" : fmt::format(" after {}", figure_text(alert.seconds, FigureUnit::kSeconds));
    text +=
        fmt::format("  {}{}{}: {}\n", prefix, printable(alert.alert, 128), when, printable(alert.message, kMaxName));
  }
  return text + more_of(report.alerts.size());
}

std::string transitions_of(const ReportSummary& report, std::string_view prefix, bool unicode) {
  std::string text;
  for (std::size_t i = 0; i < std::min(report.transitions.size(), kMostEvents); ++i) {
    const replicate::MemoryTransition& transition = report.transitions[i];
    text += fmt::format("  {}{}  {} {} {}, {} resident\n", prefix, printable(transition.time, 64),
                        printable(transition.from, 64), unicode ? "→" : "->", printable(transition.to, 64),
                        figure_text(transition.resident_bytes, FigureUnit::kBytes));
  }
  return text + more_of(report.transitions.size());
}

std::string events_of(const ReportView& view, bool unicode) {
  const bool both = view.old != nullptr;
  const std::string_view now = both ? "new: " : "";
  const std::string alerts = alerts_of(view.report, now) + (both ? alerts_of(*view.old, "old: ") : "");
  const std::string transitions =
      transitions_of(view.report, now, unicode) + (both ? transitions_of(*view.old, "old: ", unicode) : "");
  return (transitions.empty() ? "" : "\nPRESSURE ON MEMORY\n" + transitions) +
         (alerts.empty() ? "" : "\nALERTS\n" + alerts);
}

}  // namespace

std::string render_report_text(const ReportView& view, bool unicode) {
  std::string text;
  if (view.old != nullptr) text += head_of(*view.old, "old: ", unicode);
  text += head_of(view.report, view.old == nullptr ? "" : "new: ", unicode);
  text += figures_of(view) + operations_of(view) + hosts_of(view) + events_of(view, unicode);
  for (const Plot& plot : plots_of(view)) {
    if (const std::string picture = text_plot(plot, unicode); !picture.empty()) text += "\n" + picture;
  }
  std::string notes;
  for (const std::string& note : notes_of(view)) notes += fmt::format("note: {}\n", note);
  return notes.empty() ? text : text + "\n" + notes;
}

}  // namespace freightliner::cli
