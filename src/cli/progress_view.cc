#include "cli/progress_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "freightliner/base/bytes.h"

namespace freightliner::cli {
namespace {

constexpr Duration kBarInterval{200};
constexpr Duration kLineInterval{5000};
/// Weight of the past in the rate: after this time a third of it is left.
constexpr double kRateMemorySeconds = 3.0;
constexpr double kSlowestRate = 1.0;  // bytes per second below which no time is predicted

int percent(const ProgressReading& reading) {
  if (reading.bytes_total == 0) return reading.blobs_total > 0 && reading.blobs_done >= reading.blobs_total ? 100 : 0;
  return static_cast<int>(100.0 * static_cast<double>(reading.bytes_shown()) /
                          static_cast<double>(reading.bytes_total));
}

std::string time_left(const ProgressReading& reading, double rate) {
  if (rate < kSlowestRate || reading.bytes_total == 0) return {};
  const double seconds = static_cast<double>(reading.bytes_total - reading.bytes_shown()) / rate;
  constexpr double kLongest = 100.0 * 3600;
  if (seconds > kLongest) return {};
  const auto whole = static_cast<Duration::rep>(std::ceil(seconds));
  // Whole seconds only: tenths would be a pretence.
  return whole < 60 ? fmt::format("{} s", whole) : format_duration(Duration(whole * 1000));
}

std::string rate_text(double rate) {
  return format_bytes(static_cast<std::uint64_t>(std::max(0.0, rate))) + "/s";
}

}  // namespace

ProgressMode progress_mode(std::string_view option, const Terminal& terminal) {
  if (option == "bar") return ProgressMode::kBar;
  if (option == "plain") return ProgressMode::kPlain;
  if (option == "none") return ProgressMode::kNone;
  return terminal.interactive() ? ProgressMode::kBar : ProgressMode::kPlain;
}

ProgressReading ProgressReading::of(const runtime::Progress& progress) {
  constexpr auto kOrder = std::memory_order_relaxed;
  return {.bytes_moved = progress.bytes_moved.load(kOrder),
          .bytes_done = progress.bytes_done.load(kOrder),
          .bytes_total = progress.bytes_total.load(kOrder),
          .blobs_done = progress.blobs_done.load(kOrder),
          .blobs_total = progress.blobs_total.load(kOrder),
          .retries = progress.retries.load(kOrder)};
}

std::uint64_t ProgressReading::bytes_shown() const noexcept {
  return std::min(bytes_total, std::max(bytes_done, bytes_moved));
}

double RateMeter::update(TimePoint now, std::uint64_t bytes) {
  if (last_time_) {
    const double seconds = std::chrono::duration<double>(now - *last_time_).count();
    if (seconds <= 0) return rate_;
    const double current = static_cast<double>(bytes - std::min(bytes, last_bytes_)) / seconds;
    const double keep = rate_ == 0 ? 0 : std::exp(-seconds / kRateMemorySeconds);
    rate_ = keep * rate_ + (1 - keep) * current;
  }
  last_time_ = now;
  last_bytes_ = bytes;
  return rate_;
}

std::string progress_bar(const ProgressReading& reading, double rate, int columns, bool colours) {
  // The last column stays free: some terminals wrap as soon as it is written.
  const auto width = static_cast<std::size_t>(std::max(columns - 1, 0));
  if (reading.blobs_total == 0) return std::string("preparing").substr(0, width);
  std::string text =
      fmt::format(" {:3}% {} of {}  {}  {}/{} blobs", percent(reading), format_bytes(reading.bytes_shown()),
                  format_bytes(reading.bytes_total), rate_text(rate), reading.blobs_done, reading.blobs_total);
  if (const std::string left = time_left(reading, rate); !left.empty()) text += fmt::format("  {} left", left);
  if (reading.retries > 0) text += fmt::format("  {} retries", reading.retries);

  constexpr std::size_t kShortestBar = 10;
  constexpr std::size_t kLongestBar = 40;
  if (text.size() + kShortestBar + 2 > width) return text.substr(1, width);
  const std::size_t cells = std::min(kLongestBar, width - text.size() - 2);
  const std::size_t filled = std::min(cells, cells * static_cast<std::size_t>(percent(reading)) / 100);
  std::string bar(filled, '=');
  if (filled < cells) bar += '>';
  const std::string rest(cells - bar.size(), ' ');
  return colours ? fmt::format("[\x1b[32m{}\x1b[0m{}]{}", bar, rest, text) : fmt::format("[{}{}]{}", bar, rest, text);
}

std::string progress_line(const ProgressReading& reading, double rate, Duration elapsed) {
  if (reading.blobs_total == 0) return fmt::format("preparing, {}", format_duration(elapsed));
  std::string text = fmt::format("{} of {} ({} %), {}, {} of {} blobs, {}", format_bytes(reading.bytes_shown()),
                                 format_bytes(reading.bytes_total), percent(reading), rate_text(rate),
                                 reading.blobs_done, reading.blobs_total, format_duration(elapsed));
  if (reading.retries > 0) text += fmt::format(", {} retries", reading.retries);
  return text;
}

ProgressView::ProgressView(ProgressMode mode, LogFormat format, const runtime::Progress& progress, const Clock& clock,
                           Terminal& terminal)
    : mode_(mode), format_(format), progress_(progress), clock_(clock), terminal_(terminal) {
  if (mode_ == ProgressMode::kNone) return;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

ProgressView::~ProgressView() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  terminal_.set_status("");
}

void ProgressView::run(const std::stop_token& stop) {
  const TimePoint start = clock_.now();
  rate_.update(start, ProgressReading::of(progress_).bytes_moved);  // so that the first line has a rate
  const Duration interval = mode_ == ProgressMode::kBar ? kBarInterval : kLineInterval;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) show(start);
}

void ProgressView::show(TimePoint start) {
  const ProgressReading reading = ProgressReading::of(progress_);
  const TimePoint now = clock_.now();
  const double rate = rate_.update(now, reading.bytes_moved);
  if (mode_ == ProgressMode::kBar) {
    terminal_.set_status(progress_bar(reading, rate, terminal_.columns(), terminal_.colours()));
    return;
  }
  write_progress(terminal_, format_, progress_line(reading, rate, std::chrono::duration_cast<Duration>(now - start)));
}

}  // namespace freightliner::cli
