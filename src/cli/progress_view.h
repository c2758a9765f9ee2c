#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cli/log_sink.h"
#include "cli/terminal.h"
#include "freightliner/base/clock.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::cli {

enum class ProgressMode { kNone, kBar, kPlain };

/// What `--progress` ("auto", "bar", "plain", "none") means on this terminal.
ProgressMode progress_mode(std::string_view option, const Terminal& terminal);

/// One reading of runtime::Progress.
struct ProgressReading {
  std::uint64_t bytes_moved = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t blobs_done = 0;
  std::uint64_t blobs_total = 0;
  std::uint64_t retries = 0;
  // Of runs over many images.
  std::uint64_t repositories_done = 0;
  std::uint64_t repositories_total = 0;
  std::uint64_t tags_done = 0;
  std::uint64_t tags_total = 0;

  static ProgressReading of(const runtime::Progress& progress);
  /// A stream of copies has a tag for each, and no repositories.
  bool is_stream() const noexcept { return tags_total > 0 && repositories_total == 0; }
  /// Bytes to show as done: settled blobs, or more where blobs under way have brought more; never above the total.
  std::uint64_t bytes_shown() const noexcept;
};

/// Bytes per second, smoothed over the last few seconds. A value type.
class RateMeter {
 public:
  /// `bytes` is a running total. Returns the rate; 0 until two readings are there.
  double update(TimePoint now, std::uint64_t bytes);

 private:
  std::optional<TimePoint> last_time_;
  std::uint64_t last_bytes_ = 0;
  double rate_ = 0;
};

/// "[=====>     ]  45% 1.2 GiB of 2.7 GiB  210.3 MiB/s  3/8 blobs  7 s left", at most `columns` wide.
std::string progress_bar(const ProgressReading& reading, double rate, int columns, bool colours);
/// "1.2 GiB of 2.7 GiB (45 %), 210.3 MiB/s, 3 of 8 blobs, 12.0 s" with the time since the start.
std::string progress_line(const ProgressReading& reading, double rate, Duration elapsed);

/// "120 of 400 tags, 3 of 12 repositories, 1.2 GiB, 210.3 MiB/s, 12.0 s, about 28.0 s left" for runs over many images;
/// totals grow while repositories are still being listed.
std::string tree_progress_line(const ProgressReading& reading, double rate, Duration elapsed);

/// "120 of 400 copies, 1.2 GiB, 210.3 MiB/s, 12.0 s" for a stream of copies; empty while
/// none is under way, as it may wait for the next for hours.
std::string stream_progress_line(const ProgressReading& reading, double rate, Duration elapsed);

/// Shows a run's progress on standard error from a thread of its own while it lives: a bar redrawn five times a second,
/// or a plain line every five seconds. Progress, clock and terminal outlive it.
class ProgressView {
 public:
  ProgressView(ProgressMode mode, LogFormat format, const runtime::Progress& progress, const Clock& clock,
               Terminal& terminal);
  /// Takes the bar off the screen.
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

 private:
  void run(const std::stop_token& stop);
  void show(TimePoint start);

  const ProgressMode mode_;
  const LogFormat format_;
  const runtime::Progress& progress_;
  const Clock& clock_;
  Terminal& terminal_;
  RateMeter rate_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace freightliner::cli
