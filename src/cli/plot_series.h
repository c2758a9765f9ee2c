#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "freightliner/replicate/report_summary.h"

namespace freightliner::cli {

/// A value that held for some time, in seconds since the run began; kNoFigure: nothing was measured.
struct Interval {
  double begin = 0;
  double end = 0;
  double value = 0;
};
using Series = std::vector<Interval>;

/// Bytes per second between one sample and the next, and from the beginning to the first. Samples at the same moment
/// count as one. Empty where the report has no such samples.
Series throughput_of(const replicate::ReportSamples& samples);
/// The 99th percentile of all blobs copied so far, in milliseconds, likewise.
Series latency_of(const replicate::ReportSamples& samples);

/// When the last interval ends; 0 for none.
double end_of(const Series& series) noexcept;
/// 0 for none.
double highest_of(const Series& series) noexcept;

enum class Fold { kMean, kMax };
/// The series in `count` slices of equal length from 0 to `end`: the mean over time in each, or the highest value.
/// kNoFigure where the series says nothing.
std::vector<double> in_slices(const Series& series, double end, std::size_t count, Fold fold);
/// The series itself, or where it is longer than `most` in so many slices.
Series thinned(Series series, std::size_t most, Fold fold);

/// What is measured on a vertical axis.
enum class Measure { kBytesPerSecond, kMilliseconds };

/// Ticks at 0, step, 2 × step … top, in a unit that suits people.
struct Axis {
  double unit = 1;  ///< what one of the unit is
  std::string unit_name;
  double step = 1;  ///< in the unit
  double top = 1;   ///< in the unit, of the axis

  std::size_t ticks() const noexcept;  ///< without the one at 0
  std::string label(std::size_t tick) const;
  /// 0 … 1: how high on the axis.
  double height(double value) const noexcept;
};
/// Reaches to the next tick above `highest`.
Axis value_axis(double highest, Measure measure);
/// Ends at `end` (seconds, above 0), ticks at round times, up to about `most` of them.
Axis time_axis(double end, std::size_t most);

/// One curve of a plot.
struct Curve {
  std::string label;
  Series series;
};
/// A plot over time: one curve, or the two of a comparison.
struct Plot {
  std::string title;
  Measure measure = Measure::kBytesPerSecond;
  std::vector<Curve> curves;

  double end() const noexcept;
  double highest() const noexcept;
  Fold fold() const noexcept { return measure == Measure::kBytesPerSecond ? Fold::kMean : Fold::kMax; }
};

}  // namespace freightliner::cli
