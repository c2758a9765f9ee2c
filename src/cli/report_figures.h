#pragma once

#include <span>
#include <string>
#include <string_view>

#include "freightliner/replicate/report_summary.h"

namespace freightliner::cli {

enum class FigureUnit { kCount, kBytes, kBytesPerSecond, kPerSecond, kMilliseconds, kSeconds, kPercent };
/// Which way a figure should go.
enum class Direction { kNone, kMore, kLess };

/// A row of the table that a report is shown as.
struct Figure {
  std::string_view section;
  std::string_view label;
  /// Where a report has it; for what is worked out from others: the name that JSON output gives to it.
  std::string_view place;
  FigureUnit unit = FigureUnit::kCount;
  Direction direction = Direction::kNone;
  /// Left out where it is 0 in all reports that are shown.
  bool rare = false;
  double (*derive)(const replicate::ReportSummary&) = nullptr;
  /// Where a report has a text that stands behind the figure; empty for none.
  std::string_view remark = {};
};

/// All of them; those of one section stand together.
std::span<const Figure> report_figures() noexcept;
/// kNoFigure where the report lacks it.
double value_of(const Figure& figure, const replicate::ReportSummary& report);
/// "12.3 MiB", "4.50 ms", "17"; "-" for kNoFigure.
std::string figure_text(double value, FigureUnit unit);

/// How a figure changed from one run to another.
struct Change {
  double percent = replicate::kNoFigure;  ///< kNoFigure where one side has no figure, or the old one is 0
  std::string_view verdict;               ///< "better", "worse"; empty where it has no direction, or is the same
};
Change change_of(double old_value, double new_value, Direction direction) noexcept;
/// "+12.3 %"; from 1,000 % on "x 12.3"; "=" for no change; empty for kNoFigure.
std::string percent_text(double percent);

}  // namespace freightliner::cli
