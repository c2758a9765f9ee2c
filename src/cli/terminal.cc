#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace freightliner::cli {
namespace {

constexpr std::string_view kEraseLine = "\r\x1b[K";

// Returns 0 or an errno. A descriptor that someone made non-blocking is waited for.
int write_fully(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    pollfd ready{descriptor, POLLOUT, 0};
    ::poll(&ready, 1, -1);
  }
  return 0;
}

}  // namespace

Terminal::Terminal(int output, int error, const EnvironmentLookup& environment)
    : output_(output),
      error_(error),
      interactive_(::isatty(error) == 1 && environment("TERM").value_or("dumb") != "dumb"),
      colours_(interactive_ && !environment("NO_COLOR").has_value()) {}

void Terminal::occupy_standard_descriptors() noexcept {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is this one. Left open for the life of the process.
    if (::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

Status Terminal::print(std::string_view text) {
  const std::lock_guard lock(output_mutex_);
  if (!output_error_) {
    if (const int error = write_fully(output_, text); error != 0) {
      output_error_ = Error(ErrorCode::kLocalIo, fmt::format("write to standard output: {}", std::strerror(error)));
    }
  }
  if (output_error_) return fail(*output_error_);
  return {};
}

Status Terminal::output_status() const {
  const std::lock_guard lock(output_mutex_);
  if (output_error_) return fail(*output_error_);
  return {};
}

void Terminal::error_line(std::string_view line) {
  const std::lock_guard lock(error_mutex_);
  // One write, so that lines of several processes on one terminal do not mix.
  write_fully(error_, status_.empty() ? fmt::format("{}\n", line) : fmt::format("{}{}\n{}", kEraseLine, line, status_));
}

void Terminal::last_words(std::string_view line) noexcept {
  const std::unique_lock lock(error_mutex_, std::try_to_lock);
  pollfd ready{error_, POLLOUT, 0};
  if (!lock.owns_lock() || ::poll(&ready, 1, 0) != 1) return;
  write_fully(error_, line);
  write_fully(error_, "\n");
}

void Terminal::set_status(std::string_view text) {
  const std::lock_guard lock(error_mutex_);
  if (text.empty() && status_.empty()) return;
  status_ = text;
  write_fully(error_, fmt::format("{}{}", kEraseLine, status_));
}

int Terminal::columns() const noexcept {
  constexpr int kFallback = 80;
  winsize size{};
  if (::ioctl(error_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kFallback;
  return size.ws_col;
}

}  // namespace freightliner::cli
