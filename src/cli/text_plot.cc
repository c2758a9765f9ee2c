#include "cli/text_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kColumns = 72;
constexpr std::size_t kLabelColumns = 9;
constexpr std::size_t kWidth = kColumns - kLabelColumns - 2;
constexpr std::size_t kLeastHeight = 8;
constexpr std::size_t kTimeTicks = 5;

/// What a picture is made of.
struct Glyphs {
  std::span<const std::string_view> levels;  ///< of a cell, from almost empty to full
  std::string_view tick, side, corner, floor, floor_tick;
};

constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 3> kAscii = {".", ":", "#"};

Glyphs glyphs_of(bool unicode) {
  if (unicode) return {kBlocks, "┤", "│", "┼", "─", "┬"};
  return {kAscii, "+", "|", "+", "-", "+"};
}

/// The cell `row` (0: the lowest) of a column that fills `share` of `rows`.
std::string_view cell(double share, std::size_t row, std::size_t rows, const Glyphs& glyphs) {
  if (std::isnan(share) || share <= 0) return " ";
  const auto levels = static_cast<double>(glyphs.levels.size());
  // What is there at all is seen.
  const double filled = std::max(1.0, std::round(share * static_cast<double>(rows) * levels));
  const double in_row = filled - static_cast<double>(row) * levels;
  if (in_row <= 0) return " ";
  return glyphs.levels[static_cast<std::size_t>(std::min(in_row, levels)) - 1];
}

// The column of the picture over which a tick stands.
std::size_t tick_column(const Axis& time, std::size_t tick) {
  const double share = time.step * static_cast<double>(tick) / time.top;
  return std::min(kWidth - 1, static_cast<std::size_t>(share * static_cast<double>(kWidth)));
}

std::string floor_lines(const Axis& time, const Glyphs& glyphs) {
  std::string line = fmt::format("{:>{}} {}", "0", kLabelColumns, glyphs.corner);
  std::string labels(kLabelColumns + 2, ' ');
  std::size_t next = 1;
  for (std::size_t column = 0; column < kWidth; ++column) {
    const bool here = next <= time.ticks() && tick_column(time, next) == column;
    line += here ? glyphs.floor_tick : glyphs.floor;
    if (here) ++next;
  }
  for (std::size_t tick = 0; tick <= time.ticks(); ++tick) {
    const std::string label = fmt::format("{} {}", time.label(tick), time.unit_name);
    const std::size_t middle = kLabelColumns + 2 + tick_column(time, tick);
    const std::size_t begin = tick == 0 ? middle : middle - std::min(middle, label.size() / 2);
    const std::size_t place = std::min(begin, kColumns - std::min(label.size(), kColumns));
    if (tick > 0 && place <= labels.find_last_not_of(' ') + 1) continue;
    labels.resize(std::max(labels.size(), place), ' ');
    labels.replace(place, std::string::npos, label);
  }
  return line + "\n" + labels + "\n";
}

std::string picture(const Plot& plot, const Curve& curve, const Glyphs& glyphs) {
  const Axis values = value_axis(plot.highest(), plot.measure);
  const Axis time = time_axis(plot.end(), kTimeTicks);
  const std::size_t per_tick = (kLeastHeight + values.ticks() - 1) / values.ticks();
  const std::size_t rows = per_tick * values.ticks();
  const std::vector<double> slices = in_slices(curve.series, plot.end(), kWidth, plot.fold());
  std::string text =
      fmt::format("{}{}, {}\n", plot.title, curve.label.empty() ? "" : ", " + curve.label, values.unit_name);
  for (std::size_t row = rows; row-- > 0;) {
    // A tick belongs to the upper edge of its row.
    const bool has_tick = (row + 1) % per_tick == 0;
    const std::string label = has_tick ? values.label((row + 1) / per_tick) : "";
    std::string line = fmt::format("{:>{}} {}", label, kLabelColumns, has_tick ? glyphs.tick : glyphs.side);
    for (const double value : slices) {
      line += cell(std::isnan(value) ? value : values.height(value), row, rows, glyphs);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text + floor_lines(time, glyphs);
}

}  // namespace

bool is_utf8_locale(const EnvironmentLookup& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    const std::string locale = to_lower(*value);
    return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

std::string text_plot(const Plot& plot, bool unicode) {
  if (plot.end() <= 0) return {};
  std::string text;
  for (const Curve& curve : plot.curves) {
    if (curve.series.empty()) continue;
    text += (text.empty() ? "" : "\n") + picture(plot, curve, glyphs_of(unicode));
  }
  return text;
}

}  // namespace freightliner::cli
