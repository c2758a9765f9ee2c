#include "freightliner/io/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "freightliner/base/text.h"
#include "io/beneath.h"

namespace freightliner::io {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(50);

std::string shown(const std::filesystem::path& path) {
  return printable(path.native(), 4096);
}

// Nobody can tell from a lock who holds it.
Error locked_error(const std::string& name, Duration waited) {
  return Error(ErrorCode::kLocked,
               fmt::format("another program holds the lock {} and did not give it up within {}: see which it is with "
                           "\"fuser -v {}\", end it, and run this again",
                           name, format_duration(waited), name));
}

// False where the file system knows no locks on such a file.
Result<bool> wait_for(const UniqueFd& file, const std::string& name, const std::stop_token& stop,
                      const LockPatience& patience) {
  SystemClock clock;
  const TimePoint start = clock.now();
  bool told = false;
  for (;;) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return true;
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return false;
    const auto waited = std::chrono::duration_cast<Duration>(clock.now() - start);
    if (waited >= patience.limit) return fail(locked_error(name, patience.limit));
    if (!told && waited >= patience.notice) {
      told = true;
      patience.log.warn(
          "waiting for the lock {}, which another program holds (\"fuser -v {}\" shows it), for {} at most", name, name,
          format_duration(patience.limit));
    }
    if (stop.stop_requested() || !clock.sleep_for(std::min(kPoll, patience.limit - waited), stop)) {
      return fail(ErrorCode::kCancelled, fmt::format("stopped while another run held the lock {}", name));
    }
  }
}

}  // namespace

Result<FileLock> FileLock::acquire(const Directory& directory, const std::string& name, const std::stop_token& stop,
                                   const LockPatience& patience) {
  FL_CHECK(check_file_name(name));
  const std::string whole = shown(directory.path() / name);
  UniqueFd file(openat(directory.fd(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
  if (!file && errno == ELOOP) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} is a symbolic link: remove it, a lock file is made there", whole));
  }
  if (!file) {
    const Error error = errno_error(errno, "open the lock file " + whole);
    return fail(ErrorCode::kLocalIo, error.message());
  }
  FL_TRY(const bool held, wait_for(file, whole, stop, patience));
  if (!held) return fail(errno_error(errno, "lock " + whole));
  return FileLock(std::move(file));
}

Result<std::optional<FileLock>> FileLock::acquire(const Directory& directory, const std::stop_token& stop,
                                                  const LockPatience& patience) {
  const std::string whole = shown(directory.path());
  // A descriptor of its own: a lock belongs to what open(2) made, and two holders may share the other one.
  UniqueFd file(openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file) return fail(errno_error(errno, "open the directory " + whole));
  FL_TRY(const bool held, wait_for(file, whole, stop, patience));
  return held ? std::optional(FileLock(std::move(file))) : std::nullopt;
}

Status FileLock::release() const {
  if (flock(file_.get(), LOCK_UN) == 0) return {};
  return fail(errno_error(errno, "release a lock"));
}

}  // namespace freightliner::io
