#include "freightliner/io/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "freightliner/base/text.h"
#include "io/beneath.h"

namespace freightliner::io {
namespace {

constexpr int kMaxNameTries = 16;

std::string shown(const Directory& directory, const std::string& name) {
  return printable((directory.path() / name).native(), 4096);
}

Result<std::uint64_t> random_number() {
  std::uint64_t number = 0;
  for (;;) {
    const ssize_t count = getrandom(&number, sizeof(number), 0);
    if (count == static_cast<ssize_t>(sizeof(number))) return number;
    if (count < 0 && errno != EINTR) return fail(errno_error(errno, "get random bytes from the system"));
  }
}

Error closed_error(const std::string& name) {
  return Error(ErrorCode::kInternal, fmt::format("{} was already committed or given up", printable(name)));
}

// Locks a new temporary. False where somebody who sweeps found it in the moment before, and removes it. Where the file
// system knows no locks nobody can sweep.
bool is_ours(const UniqueFd& file) noexcept {
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat status = {};
  return fstat(file.get(), &status) != 0 || status.st_nlink > 0;
}

// The name of the file that a temporary is for: it is called ".<name>.<16 hexadecimal digits>.tmp". Empty where it is
// none.
std::string_view name_of_temporary(std::string_view temporary) noexcept {
  constexpr std::string_view kEnd = ".tmp";
  constexpr std::size_t kDigits = 16;
  if (!temporary.starts_with('.') || !temporary.ends_with(kEnd)) return {};
  temporary.remove_prefix(1);
  temporary.remove_suffix(kEnd.size());
  if (temporary.size() <= kDigits + 1) return {};
  const std::string_view digits = temporary.substr(temporary.size() - kDigits);
  temporary.remove_suffix(kDigits);
  if (!temporary.ends_with('.') || digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  temporary.remove_suffix(1);
  return temporary;
}

void remove_if_stale(const Directory& directory, const char* name) noexcept {
  const UniqueFd file(openat(directory.fd(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return;
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  // Who holds the lock until the name is gone makes its owner, should one have just made it, try another name.
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) static_cast<void>(unlinkat(directory.fd(), name, 0));
}

/// Of all files where `of` is empty.
void sweep(const Directory& directory, std::string_view of) noexcept {
  const int listed = openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (listed < 0) return;
  DIR* const entries = fdopendir(listed);
  if (entries == nullptr) {
    close(listed);
    return;
  }
  while (const dirent* const entry = readdir(entries)) {
    const auto* const temporary = static_cast<const char*>(entry->d_name);
    const std::string_view name = name_of_temporary(temporary);
    if (!name.empty() && (of.empty() || name == of)) remove_if_stale(directory, temporary);
  }
  closedir(entries);
}

}  // namespace

void remove_stale_temporaries(const Directory& directory) noexcept {
  sweep(directory, {});
}

void remove_stale_temporaries_of(const Directory& directory, std::string_view name) noexcept {
  if (!name.empty()) sweep(directory, name);
}

Result<AtomicFile> AtomicFile::create(const Directory& directory, const std::string& name, mode_t mode) {
  FL_CHECK(check_file_name(name));
  AtomicFile result;
  result.directory_ = &directory;
  result.name_ = name;
  for (int tries = 0; tries < kMaxNameTries; ++tries) {
    FL_TRY(const std::uint64_t number, random_number());
    result.temporary_ = fmt::format(".{}.{:016x}.tmp", name, number);
    result.file_.reset(
        openat(directory.fd(), result.temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (result.file_ && is_ours(result.file_)) return result;
    if (!result.file_ && errno != EEXIST && errno != EINTR) break;
    result.file_.reset();
  }
  // Not "not found": the file is one that we create, so what is missing is its directory.
  const Error error = errno_error(errno, "create a temporary file for " + shown(directory, name));
  return fail(ErrorCode::kLocalIo, error.message());
}

AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  abort();
  directory_ = other.directory_;
  file_ = std::move(other.file_);
  name_ = std::move(other.name_);
  temporary_ = std::move(other.temporary_);
  synced_ = other.synced_;
  return *this;
}

AtomicFile::~AtomicFile() {
  abort();
}

Status AtomicFile::write(ByteSpan bytes) {
  if (!file_) return fail(closed_error(name_));
  synced_ = false;
  Status written = write_all(file_, bytes);
  if (written) return written;
  abort();
  return fail(std::move(written).error().with_context(shown(*directory_, name_)));
}

Status AtomicFile::sync() {
  if (!file_) return fail(closed_error(name_));
  if (synced_) return {};
  // After a failed fsync the kernel may have marked the lost pages clean, and a second fsync would succeed (Rebello et
  // al., "Can Applications Recover from fsync Failures?", ATC 2020): so any failure ends this file.
  if (fsync(file_.get()) != 0) {
    Error error = errno_error(errno, "sync " + shown(*directory_, name_));
    abort();
    return fail(std::move(error));
  }
  synced_ = true;
  return {};
}

Status AtomicFile::commit() {
  FL_CHECK(sync());
  if (renameat(directory_->fd(), temporary_.c_str(), directory_->fd(), name_.c_str()) != 0) {
    Error error = errno_error(errno, "rename a temporary file to " + shown(*directory_, name_));
    abort();
    return fail(ErrorCode::kLocalIo, error.message());
  }
  file_.reset();
  return directory_->sync();
}

Status AtomicFile::commit_as(const std::string& name) {
  FL_CHECK(check_file_name(name));
  name_ = name;
  return commit();
}

void AtomicFile::abort() noexcept {
  if (!file_) return;
  file_.reset();
  // What can't be removed is told by nobody here: its name (".….tmp") says what it is.
  static_cast<void>(unlinkat(directory_->fd(), temporary_.c_str(), 0));
}

}  // namespace freightliner::io
