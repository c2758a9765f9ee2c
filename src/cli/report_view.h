#pragma once

#include <string>
#include <vector>

#include "cli/plot_series.h"
#include "freightliner/replicate/report_summary.h"

namespace freightliner::cli {

/// One report, or one beside an earlier one. The reports outlive it.
struct ReportView {
  const replicate::ReportSummary& report;
  const replicate::ReportSummary* old = nullptr;  ///< of a comparison
};

/// What the reader should know of the reports: what they lack, and that two are of different runs. Full sentences.
std::vector<std::string> notes_of(const ReportView& view);
/// Throughput and latency over time, the new run's curves first. Curves of reports without samples are empty.
std::vector<Plot> plots_of(const ReportView& view);

/// The tables, for people. `unicode`: else ASCII alone, but for what stands in the reports.
std::string render_report_text(const ReportView& view, bool unicode);
/// Summary, and changes where two are compared, as one JSON document on one line.
std::string render_report_json(const ReportView& view);
/// The plots as an SVG document.
std::string render_report_svg(const ReportView& view);

}  // namespace freightliner::cli
