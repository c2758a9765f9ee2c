#include "cli/report_view.h"

#include <fmt/format.h>

#include "cli/report_figures.h"
#include "cli/svg_plot.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

using replicate::ReportSummary;

void note_gaps(const ReportSummary& report, std::string_view whose, std::vector<std::string>& notes) {
  if (report.operations.empty() && report.samples.columns.empty()) {
    notes.push_back(fmt::format(
        "{} has no operations and no samples over time: an earlier version of freightliner wrote it, or the run did "
        "nothing.",
        whose));
  } else if (throughput_of(report.samples).empty() && latency_of(report.samples).empty()) {
    notes.push_back(fmt::format("{} has no samples over time to draw: the run was too short.", whose));
  }
}

std::string run_text(const ReportSummary& report, std::string_view prefix) {
  // A batch has a source alone: its lines have the destinations.
  const std::string destination =
      report.destination.empty() ? std::string() : " → " + printable(report.destination, 60);
  return fmt::format("{}{}{}, {}, {}, {}", prefix, printable(report.source, 60), destination,
                     printable(report.started, 40),
                     figure_text(report.figure("duration_ms"), FigureUnit::kMilliseconds),
                     figure_text(report.figure("performance.bytes_copied"), FigureUnit::kBytes));
}

}  // namespace

std::vector<std::string> notes_of(const ReportView& view) {
  std::vector<std::string> notes;
  note_gaps(view.report, view.old == nullptr ? "The report" : "The new report", notes);
  if (view.old == nullptr) return notes;
  note_gaps(*view.old, "The old report", notes);
  if (view.report.source != view.old->source || view.report.destination != view.old->destination) {
    notes.emplace_back("The two runs have different sources or destinations.");
  }
  if (view.report.dry_run != view.old->dry_run) notes.emplace_back("One of the two runs was a dry run.");
  return notes;
}

std::vector<Plot> plots_of(const ReportView& view) {
  std::vector<Plot> plots = {{"Throughput", Measure::kBytesPerSecond, {}},
                             {"Latency of a blob, 99th percentile so far", Measure::kMilliseconds, {}}};
  const auto add = [&](const ReportSummary& report, std::string label) {
    plots[0].curves.push_back({label, throughput_of(report.samples)});
    plots[1].curves.push_back({std::move(label), latency_of(report.samples)});
  };
  add(view.report, view.old == nullptr ? "" : "new");
  if (view.old != nullptr) add(*view.old, "old");
  return plots;
}

std::string render_report_svg(const ReportView& view) {
  SvgPicture picture = {.title = view.old == nullptr ? "Throughput and latency of a run of freightliner"
                                                     : "Throughput and latency of two runs of freightliner",
                        .runs = {},
                        .plots = plots_of(view)};
  picture.runs.push_back(run_text(view.report, view.old == nullptr ? "" : "new: "));
  if (view.old != nullptr) picture.runs.push_back(run_text(*view.old, "old: "));
  return svg_document(picture);
}

}  // namespace freightliner::cli
