#include "cli/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;

}  // namespace

Result<LineReader> LineReader::open(const std::filesystem::path& path, int standard_input) {
  io::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail(io::errno_error(errno, "eventfd"));
  if (path == "-") return LineReader("standard input", io::UniqueFd(), standard_input, std::move(wake));
  std::string name = printable(path.string());
  // Without O_NONBLOCK a named pipe that nobody writes to yet could be waited for only in here, deaf to signals.
  io::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail(io::errno_error(errno, fmt::format("open {}", name)));
  const int fd = file.get();
  return LineReader(std::move(name), std::move(file), fd, std::move(wake));
}

Result<bool> LineReader::fill(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    const std::uint64_t one = 1;
    // Can only fail where the counter is full, and then the reader wakes up anyway.
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  });
  for (;;) {
    if (stop.stop_requested()) return false;
    std::array<pollfd, 2> fds = {pollfd{fd_, POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    ::poll(fds.data(), fds.size(), -1);
    if (stop.stop_requested()) return false;
    if (fds[0].revents == 0) continue;
    buffer_.resize(kReadSize);
    taken_ = 0;
    const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
    const int error = errno;
    buffer_.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count >= 0) return count > 0;
    if (error != EINTR && error != EAGAIN) return fail(io::errno_error(error, fmt::format("read {}", name_)));
  }
}

Result<std::optional<LineReader::Line>> LineReader::next(const std::stop_token& stop) {
  Line line{.number = lines_ + 1};
  bool begun = false;
  for (;;) {
    if (taken_ == buffer_.size()) {
      FL_TRY(const bool more, fill(stop));
      if (!more) break;
    }
    begun = true;
    const std::size_t end = buffer_.find('\n', taken_);
    const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - taken_;
    line.is_too_long = line.is_too_long || line.text.size() + length > kLongest;
    if (line.is_too_long) {
      line.text.clear();
    } else {
      line.text.append(buffer_, taken_, length);
    }
    taken_ += length;
    if (end == std::string::npos) continue;
    ++taken_;
    lines_ = line.number;
    return std::optional(std::move(line));
  }
  // A line that a stop cut short is none.
  if (!begun || stop.stop_requested()) return std::optional<Line>();
  lines_ = line.number;
  return std::optional(std::move(line));
}

}  // namespace freightliner::cli
