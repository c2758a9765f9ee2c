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
          .retries = progress.retries.load(kOrder),
          .repositories_done = progress.repositories_done.load(kOrder),
          .repositories_total = progress.repositories_total.load(kOrder),
          .tags_done = progress.tags_done.load(kOrder),
          .tags_total = progress.tags_total.load(kOrder)};
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

namespace {

// Bytes are known of the tags under way only, so the tags tell how far the run is.
Duration tree_time_left(const ProgressReading& reading, Duration elapsed) {
  if (reading.tags_done == 0 || reading.tags_total <= reading.tags_done) return Duration(0);
  const double left =
      static_cast<double>(reading.tags_total - reading.tags_done) / static_cast<double>(reading.tags_done);
  return Duration(static_cast<Duration::rep>(static_cast<double>(elapsed.count()) * left));
}

}  // namespace

std::string tree_progress_line(const ProgressReading& reading, double rate, Duration elapsed) {
  std::string text = fmt::format("{} of {} tags, {} of {} repositories, {}, {}, {}", reading.tags_done,
                                 reading.tags_total, reading.repositories_done, reading.repositories_total,
                                 format_bytes(reading.bytes_moved), rate_text(rate), format_duration(elapsed));
  if (const Duration left = tree_time_left(reading, elapsed); left > Duration(0)) {
    text += fmt::format(", about {} left", format_duration(left));
  }
  if (reading.retries > 0) text += fmt::format(", {} retries", reading.retries);
  return text;
}

std::string stream_progress_line(const ProgressReading& reading, double rate, Duration elapsed) {
  if (reading.tags_done >= reading.tags_total) return {};
  std::string text = fmt::format("{} of {} copies, {}, {}, {}", reading.tags_done, reading.tags_total,
                                 format_bytes(reading.bytes_moved), rate_text(rate), format_duration(elapsed));
  if (reading.retries > 0) text += fmt::format(", {} retries", reading.retries);
  return text;
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
  const auto elapsed = std::chrono::duration_cast<Duration>(now - start);
  if (reading.repositories_total > 0 || reading.is_stream()) {
    const std::string line =
        reading.is_stream() ? stream_progress_line(reading, rate, elapsed) : tree_progress_line(reading, rate, elapsed);
    if (line.empty() && mode_ == ProgressMode::kPlain) return;
    const auto columns = static_cast<std::size_t>(std::max(terminal_.columns() - 1, 0));
    return mode_ == ProgressMode::kBar ? terminal_.set_status(line.substr(0, columns))
                                       : write_progress(terminal_, format_, line);
  }
  if (mode_ == ProgressMode::kBar) {
    terminal_.set_status(progress_bar(reading, rate, terminal_.columns(), terminal_.colours()));
    return;
  }
  write_progress(terminal_, format_, progress_line(reading, rate, elapsed));
}

}  // namespace freightliner::cli
