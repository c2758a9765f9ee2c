#include "cli/svg_plot.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

constexpr double kWidth = 900;
constexpr double kLeft = 80;
constexpr double kRight = 30;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
constexpr double kPlotHeight = 200;
constexpr double kPanel = kPlotHeight + 90;  // with its title above and its time axis below
constexpr double kPanelTitle = 34;
constexpr double kLine = 20;
constexpr std::size_t kTimeTicks = 8;
// More than the pixels between the axes show nothing more.
constexpr std::size_t kMostIntervals = 400;
constexpr std::size_t kMaxText = 118;

struct Style {
  std::string_view colour;
  std::string_view more;
};
// Told apart without colours, too, and by the colour-blind (Okabe and Ito's palette).
constexpr std::array<Style, 2> kStyles = {{{"#0072b2", ""}, {"#d55e00", " stroke-dasharray=\"6 3\""}}};

const Style& style_of(std::size_t curve) {
  return kStyles[curve % kStyles.size()];
}

// XML 1.0 (5th edition), 2.2 and 2.4: what printable() lets pass and XML does not is U+FFFE and U+FFFF.
std::string escape(std::string_view text) {
  const std::string safe = printable(text, kMaxText);
  std::string result;
  for (std::size_t i = 0; i < safe.size(); ++i) {
    const std::string_view rest = std::string_view(safe).substr(i);
    if (rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) {
      result += "?";
      i += 2;
      continue;
    }
    switch (rest.front()) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += rest.front();
    }
  }
  return result;
}

/// Where a plot stands in the picture.
struct Frame {
  double top;  ///< of the plot's area
  Axis values;
  Axis time;

  double x(double seconds) const { return kLeft + kPlotWidth * time.height(seconds); }
  double y(double value) const { return top + kPlotHeight * (1 - values.height(value)); }
  double bottom() const { return top + kPlotHeight; }
};

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2, y2,
                     colour);
}

std::string words(double x, double y, std::string_view attributes, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, attributes, escape(text));
}

std::string axes(const Frame& frame) {
  constexpr std::string_view kGrid = "#e4e4e4";
  constexpr std::string_view kAxis = "#666666";
  std::string text;
  for (std::size_t tick = 0; tick <= frame.values.ticks(); ++tick) {
    const double y = frame.y(frame.values.step * frame.values.unit * static_cast<double>(tick));
    text += line(kLeft, y, kLeft + kPlotWidth, y, tick == 0 ? kAxis : kGrid);
    text += words(kLeft - 8, y + 4, " text-anchor=\"end\"", frame.values.label(tick));
  }
  for (std::size_t tick = 0; tick <= frame.time.ticks(); ++tick) {
    const double x = frame.x(frame.time.step * frame.time.unit * static_cast<double>(tick));
    if (tick > 0) text += line(x, frame.top, x, frame.bottom(), kGrid);
    text += line(x, frame.bottom(), x, frame.bottom() + 5, kAxis);
    text += words(x, frame.bottom() + 19, " text-anchor=\"middle\"",
                  fmt::format("{} {}", frame.time.label(tick), frame.time.unit_name));
  }
  return text + line(kLeft, frame.top, kLeft, frame.bottom(), kAxis);
}

/// The steps of a curve, one stretch at a time: where nothing was measured, there is a gap.
struct Stretch {
  std::string path;
  double begin = 0;
  double end = 0;
};

std::vector<Stretch> stretches(const Series& series, const Frame& frame) {
  std::vector<Stretch> result;
  bool open = false;
  for (const Interval& interval : series) {
    if (std::isnan(interval.value)) {
      open = false;
      continue;
    }
    const double y = frame.y(interval.value);
    if (!open) result.push_back({fmt::format("M{:.1f} {:.1f}", frame.x(interval.begin), y), interval.begin, 0});
    if (open) result.back().path += fmt::format("V{:.1f}", y);
    result.back().path += fmt::format("H{:.1f}", frame.x(interval.end));
    result.back().end = interval.end;
    open = true;
  }
  return result;
}

std::string curve_of(const Plot& plot, std::size_t number, const Frame& frame) {
  const Style& style = style_of(number);
  std::string text;
  for (const Stretch& stretch : stretches(thinned(plot.curves[number].series, kMostIntervals, plot.fold()), frame)) {
    if (plot.curves.size() == 1) {
      text += fmt::format("<path d=\"{}V{:.1f}H{:.1f}Z\" fill=\"{}\" fill-opacity=\"0.15\"/>\n", stretch.path,
                          frame.bottom(), frame.x(stretch.begin), style.colour);
    }
    text += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"{}/>\n", stretch.path,
                        style.colour, style.more);
  }
  return text;
}

std::string legend(const Plot& plot, double y) {
  constexpr double kEntry = 90;
  std::string text;
  double x = kWidth - kRight - kEntry * static_cast<double>(plot.curves.size());
  for (std::size_t i = 0; i < plot.curves.size(); ++i, x += kEntry) {
    text += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"1.8\"{}/>\n",
        x, y - 4, x + 30, y - 4, style_of(i).colour, style_of(i).more);
    text += words(x + 36, y, "", plot.curves[i].label);
  }
  return text;
}

std::string panel(const Plot& plot, double top) {
  const std::string heading = " font-size=\"15\" font-weight=\"bold\"";
  if (plot.end() <= 0) {
    return words(kLeft, top + 20, heading, plot.title) +
           words(kLeft, top + 50, " fill=\"#666666\"", "nothing was sampled over time");
  }
  const Frame frame = {top + kPanelTitle, value_axis(plot.highest(), plot.measure), time_axis(plot.end(), kTimeTicks)};
  std::string text = words(kLeft, top + 20, heading, fmt::format("{}, {}", plot.title, frame.values.unit_name));
  if (plot.curves.size() > 1) text += legend(plot, top + 20);
  text += axes(frame);
  // The first curve, the run that was asked for, lies on top.
  for (std::size_t i = plot.curves.size(); i-- > 0;) text += curve_of(plot, i, frame);
  return text + words(kLeft + kPlotWidth / 2, frame.bottom() + 40, " text-anchor=\"middle\" fill=\"#666666\"",
                      "time since the run began");
}

}  // namespace

std::string svg_document(const SvgPicture& picture) {
  const double head = 50 + kLine * static_cast<double>(picture.runs.size());
  const double height = head + kPanel * static_cast<double>(picture.plots.size());
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "role=\"img\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<title>{2}</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      kWidth, height, escape(picture.title));
  text += words(kLeft, 32, " font-size=\"18\" font-weight=\"bold\"", picture.title);
  for (std::size_t i = 0; i < picture.runs.size(); ++i) {
    const std::string colour = picture.runs.size() > 1 ? fmt::format(" fill=\"{}\"", style_of(i).colour) : "";
    text += words(kLeft, 32 + kLine * static_cast<double>(i + 1), colour, picture.runs[i]);
  }
  for (std::size_t i = 0; i < picture.plots.size(); ++i) {
    text += panel(picture.plots[i], head + kPanel * static_cast<double>(i));
  }
  return text + "</svg>\n";
}

}  // namespace freightliner::cli
