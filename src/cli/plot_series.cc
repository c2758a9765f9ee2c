#include "cli/plot_series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace freightliner::cli {
namespace {

using replicate::kNoFigure;
using replicate::ReportSamples;

// Less than this is no time, and not to be told from 0 on an axis.
constexpr double kShortest = 1e-6;

struct Unit {
  double size;
  std::string_view name;
};
constexpr double kKilo = 1024.0;
constexpr std::array<Unit, 6> kRates = {{{1, "B/s"},
                                         {kKilo, "KiB/s"},
                                         {kKilo * kKilo, "MiB/s"},
                                         {kKilo * kKilo * kKilo, "GiB/s"},
                                         {kKilo * kKilo * kKilo * kKilo, "TiB/s"},
                                         {kKilo * kKilo * kKilo * kKilo * kKilo, "PiB/s"}}};
constexpr std::array<Unit, 2> kLatencies = {{{1, "ms"}, {1000, "s"}}};
constexpr std::array<Unit, 4> kTimes = {{{1, "s"}, {60, "min"}, {3600, "h"}, {86'400, "d"}}};

// The smallest of 1, 2, 5, 10, 20 … that is not below `raw`.
double round_step(double raw) noexcept {
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// In seconds: clocks are read in fifteens and thirties.
double time_step(double raw) noexcept {
  constexpr std::array<double, 18> kSteps = {1,   2,   5,    10,   15,   20,   30,     60,     120,
                                             300, 600, 1200, 1800, 3600, 7200, 14'400, 21'600, 43'200};
  if (raw <= 1) return round_step(raw);
  const auto found = std::ranges::lower_bound(kSteps, raw * (1 - 1e-9));
  return found != kSteps.end() ? *found : round_step(raw / 86'400) * 86'400;
}

const Unit& suitable(std::span<const Unit> units, double value) noexcept {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value >= unit.size) best = &unit;
  }
  return *best;
}

}  // namespace

Series throughput_of(const ReportSamples& samples) {
  const auto seconds = samples.column("seconds");
  const auto bytes = samples.column("bytes_moved");
  Series series;
  if (!seconds || !bytes) return series;
  double begin = 0;
  double moved = 0;
  for (std::size_t row = 0; row < samples.rows(); ++row) {
    const double end = samples.at(row, *seconds);
    const double now = samples.at(row, *bytes);
    if (std::isnan(now) || end - begin < kShortest) continue;
    const double rate = std::max(now - moved, 0.0) / (end - begin);
    series.push_back({begin, end, std::isfinite(rate) ? rate : kNoFigure});
    begin = end;
    moved = now;
  }
  return series;
}

Series latency_of(const ReportSamples& samples) {
  const auto seconds = samples.column("seconds");
  const auto latency = samples.column("blob_p99_ms");
  Series series;
  if (!seconds || !latency) return series;
  double begin = 0;
  for (std::size_t row = 0; row < samples.rows(); ++row) {
    const double end = samples.at(row, *seconds);
    if (end - begin < kShortest) continue;
    series.push_back({begin, end, samples.at(row, *latency)});
    begin = end;
  }
  return series;
}

double end_of(const Series& series) noexcept {
  return series.empty() ? 0 : series.back().end;
}

double highest_of(const Series& series) noexcept {
  double highest = 0;
  for (const Interval& interval : series) {
    if (interval.value > highest) highest = interval.value;
  }
  return highest;
}

std::vector<double> in_slices(const Series& series, double end, std::size_t count, Fold fold) {
  std::vector<double> slices(count, kNoFigure);
  auto first = series.begin();
  for (std::size_t i = 0; i < count; ++i) {
    const double from = end * static_cast<double>(i) / static_cast<double>(count);
    const double until = end * static_cast<double>(i + 1) / static_cast<double>(count);
    while (first != series.end() && first->end <= from) ++first;
    double sum = 0;
    double covered = 0;
    double highest = kNoFigure;
    for (auto interval = first; interval != series.end() && interval->begin < until; ++interval) {
      if (std::isnan(interval->value)) continue;
      const double overlap = std::min(until, interval->end) - std::max(from, interval->begin);
      if (overlap <= 0) continue;
      sum += interval->value * overlap;
      covered += overlap;
      highest = std::fmax(highest, interval->value);
    }
    if (covered > 0) slices[i] = fold == Fold::kMean ? sum / covered : highest;
  }
  return slices;
}

Series thinned(Series series, std::size_t most, Fold fold) {
  if (series.size() <= most) return series;
  const double end = end_of(series);
  const std::vector<double> slices = in_slices(series, end, most, fold);
  Series result;
  for (std::size_t i = 0; i < most; ++i) {
    const auto at = [&](std::size_t slice) { return end * static_cast<double>(slice) / static_cast<double>(most); };
    result.push_back({at(i), at(i + 1), slices[i]});
  }
  return result;
}

std::size_t Axis::ticks() const noexcept {
  constexpr double kMost = 20;  // for what rounding may do to extreme numbers
  return static_cast<std::size_t>(std::clamp(std::floor(top / step * (1 + 1e-9)), 1.0, kMost));
}

std::string Axis::label(std::size_t tick) const {
  const double value = step * static_cast<double>(tick);
  if (value >= 1e6) return fmt::format("{:.1e}", value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, std::min(decimals, 6));
}

double Axis::height(double value) const noexcept {
  return std::clamp(value / unit / top, 0.0, 1.0);
}

Axis value_axis(double highest, Measure measure) {
  const std::span<const Unit> units =
      measure == Measure::kBytesPerSecond ? std::span<const Unit>(kRates) : std::span<const Unit>(kLatencies);
  const Unit& unit = suitable(units, highest);
  constexpr double kTicks = 4;
  // What is always 0 gets an axis to 1.
  const double reach = highest > kShortest ? highest / unit.size : 1;
  const double step = highest > kShortest ? round_step(reach / kTicks) : 1;
  return {unit.size, std::string(unit.name), step, std::ceil(reach / step * (1 - 1e-9)) * step};
}

Axis time_axis(double end, std::size_t most) {
  const double step = time_step(end / static_cast<double>(most));
  const Unit& unit = suitable(kTimes, step);
  return {unit.size, std::string(unit.name), step / unit.size, end / unit.size};
}

double Plot::end() const noexcept {
  double end = 0;
  for (const Curve& curve : curves) end = std::max(end, end_of(curve.series));
  return end;
}

double Plot::highest() const noexcept {
  double highest = 0;
  for (const Curve& curve : curves) highest = std::max(highest, highest_of(curve.series));
  return highest;
}

}  // namespace freightliner::cli
