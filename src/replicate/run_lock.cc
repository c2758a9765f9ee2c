#include "freightliner/replicate/run_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "freightliner/base/text.h"
#include "freightliner/io/hasher.h"
#include "replicate/local_file.h"

namespace freightliner::replicate {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(100);
constexpr mode_t kMode = 0600;
constexpr std::size_t kMaxPid = 20;

bool is_number(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_newline(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

Status check_owner(const io::UniqueFd& file, const std::string& shown) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(io::errno_error(errno, "look at " + shown));
  if (status.st_uid == geteuid()) return {};
  return fail(
      ErrorCode::kIntegrity,
      fmt::format("the lock file {} belongs to another user, who could keep it locked: name another with --lock",
                  shown));
}

// The file is emptied by who takes the lock: one that holds anything but a process id is somebody's.
Status check_contents(const io::UniqueFd& file, const std::string& shown) {
  constexpr std::size_t kMost = 64;
  auto text = io::read_small_file(file, kMost, shown);
  if (!text && text.error().code() != ErrorCode::kProtocol) return fail(std::move(text).error());
  if (text && (text->empty() || is_number(without_newline(*text)))) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("{} is no lock file, which is empty or holds a process id: name another with --lock", shown));
}

// For messages alone, so a full disk does not keep a run away.
void write_holder(const io::UniqueFd& file) {
  if (ftruncate(file.get(), 0) != 0) return;
  const std::string text = fmt::format("{}\n", getpid());
  static_cast<void>(io::write_all(file, as_bytes(text)));
}

std::string holder_of(const io::UniqueFd& file, const std::string& shown) {
  const auto text = io::read_small_file(file, kMaxPid, shown);
  const std::string_view number = text ? trim(*text) : std::string_view();
  return is_number(number) ? fmt::format("another run (process {})", number) : "another run";
}

}  // namespace

Result<RunLock> RunLock::acquire(runtime::CleanupRegistry& cleanups, const std::filesystem::path& path, Duration wait,
                                 Clock& clock, const std::stop_token& stop) {
  FL_TRY(const LocalName place, locate(path));
  const TimePoint start = clock.now();
  for (;;) {
    FL_TRY(LockAttempt attempt, try_lock(place, kMode));
    FL_CHECK(check_owner(attempt.file, place.shown));
    if (attempt.held) {
      FL_CHECK(check_contents(attempt.file, place.shown));
      write_holder(attempt.file);
      auto release = register_lock(cleanups, place, attempt.file);
      return RunLock(std::move(attempt.file), std::move(release));
    }
    const auto waited = std::chrono::duration_cast<Duration>(clock.now() - start);
    if (waited >= wait) {
      return fail(ErrorCode::kLocked,
                  fmt::format("{} holds the lock {}: run this again later, or wait for it with --lock-wait",
                              holder_of(attempt.file, place.shown), place.shown));
    }
    if (!clock.sleep_for(std::min(kPoll, wait - waited), stop)) {
      return fail(ErrorCode::kCancelled,
                  fmt::format("stopped while {} held the lock {}", holder_of(attempt.file, place.shown), place.shown));
    }
  }
}

Result<std::filesystem::path> default_lock_path(const std::string& source, const std::string& destination,
                                                const std::filesystem::path& temporary) {
  constexpr std::string_view kAdvice = "name a lock file elsewhere with --lock";
  const std::filesystem::path directory = temporary / fmt::format("freightliner-{}", geteuid());
  const std::string shown = printable(directory.native(), 4096);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    const Error error = io::errno_error(errno, "create the directory " + shown);
    return fail(ErrorCode::kLocalIo, fmt::format("{}; {}", error.message(), kAdvice));
  }
  // In a directory that anybody may write to, somebody else may have been first.
  const io::UniqueFd opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status = {};
  if (!opened || fstat(opened.get(), &status) != 0) {
    const bool is_other = errno == ELOOP || errno == ENOTDIR;
    return fail(is_other ? ErrorCode::kIntegrity : ErrorCode::kLocalIo,
                fmt::format("{} can't be opened as a directory: {}", shown, kAdvice));
  }
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kIntegrity,
                fmt::format("{} belongs to another user or can be written to by others: {}", shown, kAdvice));
  }
  // No name holds a NUL, so no two pairs give one text.
  const std::string job = source + '\0' + destination;
  return directory / (io::digest_of(job).hex().substr(0, 32) + ".lock");
}

}  // namespace freightliner::replicate
