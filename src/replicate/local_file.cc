#include "replicate/local_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "freightliner/base/text.h"

namespace freightliner::replicate {
namespace {

constexpr int kMaxTries = 100;

Error open_error(int error_number, const std::string& shown) {
  if (error_number == ELOOP) {
    return Error(ErrorCode::kIntegrity,
                 fmt::format("{} is a symbolic link: name the file itself, or remove the link", shown));
  }
  if (error_number == EISDIR || error_number == ENXIO) {
    return Error(ErrorCode::kIntegrity, shown + " is not a regular file: name another one");
  }
  return io::errno_error(error_number, "open " + shown);
}

Result<struct stat> look_at(const io::UniqueFd& file, const std::string& shown) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(io::errno_error(errno, "look at " + shown));
  return status;
}

// False where another process has put another file in its place, or none.
bool has_name(const LocalName& place, const struct stat& file) noexcept {
  struct stat named = {};
  return fstatat(place.directory.fd(), place.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         named.st_dev == file.st_dev && named.st_ino == file.st_ino;
}

Result<bool> lock_now(const io::UniqueFd& file, const std::string& shown) {
  for (;;) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return true;
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return fail(io::errno_error(errno, "lock " + shown));
  }
}

}  // namespace

Result<LockAttempt> try_lock(const LocalName& file, std::optional<mode_t> create) {
  const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (create ? O_CREAT : 0);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    LockAttempt attempt;
    attempt.file.reset(openat(file.directory.fd(), file.name.c_str(), flags, create.value_or(0)));
    if (!attempt.file && errno == EINTR) continue;
    if (!attempt.file && create && errno == ENOENT) {
      return fail(ErrorCode::kLocalIo, fmt::format("{} can't be created there: name another place", file.shown));
    }
    if (!attempt.file) return fail(open_error(errno, file.shown));
    FL_TRY(const struct stat status, look_at(attempt.file, file.shown));
    if (!S_ISREG(status.st_mode)) return fail(open_error(ENXIO, file.shown));
    FL_TRY(attempt.held, lock_now(attempt.file, file.shown));
    // Its last holder may have renamed another file over this one, or removed it, between our open and our lock.
    if (!attempt.held || has_name(file, status)) return attempt;
  }
  return fail(ErrorCode::kLocalIo, fmt::format("{} is replaced all the time: something else writes there", file.shown));
}

runtime::CleanupRegistry::Registration register_lock(runtime::CleanupRegistry& cleanups, const LocalName& place,
                                                     const io::UniqueFd& file) {
  return cleanups.add(runtime::CleanupKind::kLock, place.shown, [fd = file.get()]() -> Status {
    if (flock(fd, LOCK_UN) == 0) return {};
    return fail(io::errno_error(errno, "release a lock"));
  });
}

}  // namespace freightliner::replicate
