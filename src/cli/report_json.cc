#include <algorithm>
#include <array>
#include <cmath>

#include "cli/json_text.h"
#include "cli/report_figures.h"
#include "cli/report_view.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using replicate::OperationFigures;
using replicate::ReportSummary;

// Intervals of a curve in the document; longer ones are thinned.
constexpr std::size_t kMostIntervals = 400;

constexpr std::array<std::pair<std::string_view, double OperationFigures::*>, 9> kOperationMembers = {{
    {"count", &OperationFigures::count},
    {"errors", &OperationFigures::errors},
    {"bytes", &OperationFigures::bytes},
    {"items", &OperationFigures::items},
    {"seconds_total", &OperationFigures::seconds_total},
    {"p50_ms", &OperationFigures::p50_ms},
    {"p90_ms", &OperationFigures::p90_ms},
    {"p99_ms", &OperationFigures::p99_ms},
    {"max_ms", &OperationFigures::max_ms},
}};

/// Whole numbers as such; null for what is not there.
Json number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) <= kExact) return static_cast<std::int64_t>(value);
  return value;
}

Json series_json(const Series& series, Fold fold) {
  Json intervals = Json::array();
  for (const Interval& interval : thinned(series, kMostIntervals, fold)) {
    intervals.push_back({number(interval.begin), number(interval.end), number(interval.value)});
  }
  return intervals;
}

Json summary_json(const ReportSummary& report) {
  Json summary;
  summary["source"] = printable(report.source, 8192);
  summary["destination"] = printable(report.destination, 8192);
  summary["started"] = printable(report.started);
  summary["dry_run"] = report.dry_run;
  if (!report.error_class.empty()) {
    summary["error"] = {{"class", printable(report.error_class)}, {"message", printable(report.error, 4096)}};
  }
  summary["references"] = report.references;
  Json& figures = summary["figures"] = Json::object();
  for (const Figure& figure : report_figures()) {
    const double value = value_of(figure, report);
    if (!std::isnan(value)) figures[std::string(figure.place)] = number(value);
  }
  Json& operations = summary["operations"] = Json::array();
  for (const OperationFigures& operation : report.operations) {
    Json entry;
    entry["operation"] = printable(operation.name);
    for (const auto& [name, member] : kOperationMembers) entry[std::string(name)] = number(operation.*member);
    operations.push_back(std::move(entry));
  }
  Json& hosts = summary["hosts"] = Json::array();
  for (const replicate::HostFigures& host : report.hosts) {
    hosts.push_back({{"host", printable(host.name)},
                     {"requests", number(host.requests)},
                     {"throttled", number(host.throttled)},
                     {"waits", {{"count", number(host.waits)}, {"seconds", number(host.wait_seconds)}}}});
  }
  Json& alerts = summary["alerts"] = Json::array();
  for (const replicate::ReportAlert& alert : report.alerts) {
    alerts.push_back({{"alert", printable(alert.alert)},
                      {"value", number(alert.value)},
                      {"message", printable(alert.message, 4096)},
                      {"seconds", number(alert.seconds)}});
  }
  summary["bytes_per_second_over_time"] = series_json(throughput_of(report.samples), Fold::kMean);
  summary["blob_p99_ms_over_time"] = series_json(latency_of(report.samples), Fold::kMax);
  return summary;
}

Json change_json(std::string_view figure, double before, double now, Direction direction) {
  const Change change = change_of(before, now, direction);
  Json entry;
  entry["figure"] = figure;
  entry["old"] = number(before);
  entry["new"] = number(now);
  entry["percent"] = number(change.percent);
  entry["verdict"] = change.verdict.empty() ? Json() : Json(change.verdict);
  return entry;
}

Json changes_json(const ReportSummary& before, const ReportSummary& now) {
  Json changes = Json::array();
  for (const Figure& figure : report_figures()) {
    const double was = value_of(figure, before);
    const double is = value_of(figure, now);
    if (std::isnan(was) && std::isnan(is)) continue;
    changes.push_back(change_json(figure.place, was, is, figure.direction));
  }
  for (const OperationFigures& is : now.operations) {
    const auto was = std::ranges::find(before.operations, is.name, &OperationFigures::name);
    if (was == before.operations.end()) continue;
    changes.push_back(
        change_json("operations." + printable(is.name) + ".p99_ms", was->p99_ms, is.p99_ms, Direction::kLess));
  }
  return changes;
}

}  // namespace

std::string render_report_json(const ReportView& view) {
  Json document;
  document["report"] = summary_json(view.report);
  if (view.old != nullptr) {
    document["old"] = summary_json(*view.old);
    document["changes"] = changes_json(*view.old, view.report);
  }
  document["notes"] = notes_of(view);
  return json_text(document) + "\n";
}

}  // namespace freightliner::cli
