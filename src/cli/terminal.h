#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"
#include "freightliner/cli/app.h"

namespace freightliner::cli {

/// The only door to standard output and standard error. Standard output carries what was asked for and nothing else;
/// standard error carries log lines, errors and progress. A status line (the progress bar) stays below what is written
/// above it. Safe from any thread.
class Terminal {
 public:
  /// Works on descriptors that it does not own. `environment` is asked for NO_COLOR and TERM.
  Terminal(int output, int error, const EnvironmentLookup& environment);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Opens /dev/null in place of each standard descriptor that is closed, in the direction that fails, so that no file
  /// or connection that is opened later gets its number and is written to by mistake. Call first in main().
  static void occupy_standard_descriptors() noexcept;

  /// Writes all of `text` to standard output. Errors: kLocalIo; remembered, and every later print() fails as well.
  Status print(std::string_view text);
  /// The first failure of print(), if there was one.
  Status output_status() const;

  /// Writes one line (the newline is added) to standard error, above the status line. Failures are ignored: there is no
  /// one left to tell.
  void error_line(std::string_view line);
  /// As error_line(), but never waits: not for another thread's write, nor for a reader. For a process that must end
  /// now.
  void last_words(std::string_view line) noexcept;

  /// Shows `text` (one line, no wider than columns()) in place of the last status line; empty: removes it.
  void set_status(std::string_view text);

  /// True where standard error is a terminal that can redraw a line (not TERM=dumb).
  bool interactive() const noexcept { return interactive_; }
  /// True where colours may be used on standard error: interactive, and NO_COLOR is not set (no-color.org).
  bool colours() const noexcept { return colours_; }
  /// The width of standard error now; 80 where it has none.
  int columns() const noexcept;

 private:
  const int output_;
  const int error_;
  bool interactive_ = false;
  bool colours_ = false;
  mutable std::mutex output_mutex_;
  std::optional<Error> output_error_;
  std::mutex error_mutex_;
  std::string status_;
};

}  // namespace freightliner::cli
