#include "freightliner/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <system_error>

#include "freightliner/base/text.h"
#include "io/beneath.h"

namespace freightliner::io {
namespace {

std::string shown(const std::filesystem::path& path) {
  return printable(path.native(), 4096);
}

std::string_view advice(int error_number) noexcept {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space, or choose a place with more";
    case EACCES:
    case EPERM:
      return "; check owner and permissions";
    case EROFS:
      return "; choose a place that is writable";
    case EMFILE:
      return "; raise the limit with \"ulimit -n\"";
    default:
      return "";
  }
}

Error open_error(int error_number, const std::filesystem::path& path) {
  if (error_number == ELOOP || error_number == EXDEV) {
    return Error(ErrorCode::kIntegrity,
                 fmt::format("{} is a symbolic link or lies behind one: put the file itself there", shown(path)));
  }
  return errno_error(error_number, "open " + shown(path));
}

// Some file systems (FUSE ones among them) have no fsync for directories, and say EINVAL: then there is nothing to do.
Status sync_directory(int fd, const std::filesystem::path& path) {
  if (fsync(fd) == 0 || errno == EINVAL) return {};
  return fail(errno_error(errno, "sync the directory " + shown(path)));
}

// Makes the entry of a new directory durable. A parent that may not be read can't be synced, and need not be.
Status sync_parent(const std::filesystem::path& directory) {
  const std::filesystem::path child =
      directory.has_filename() ? directory : directory.parent_path();  // without a slash
  const std::filesystem::path parent = child.has_parent_path() ? child.parent_path() : std::filesystem::path(".");
  const UniqueFd fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return {};
  return sync_directory(fd.get(), parent);
}

Result<bool> is_regular(const UniqueFd& file, const std::filesystem::path& path) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(errno_error(errno, "look at " + shown(path)));
  return S_ISREG(status.st_mode);
}

// `read_some(position, buffer)` is a Result<std::size_t>, 0 at the end.
template <class ReadSome>
Result<std::string> read_up_to(std::size_t limit, std::string_view name, ReadSome&& read_some) {
  std::string text;
  std::array<std::byte, 16 * kKiB> buffer;
  for (;;) {
    FL_TRY(const std::size_t count, read_some(text.size(), MutableByteSpan(buffer)));
    if (count == 0) return text;
    if (count > limit - text.size()) {
      return fail(ErrorCode::kProtocol,
                  fmt::format("{} is larger than {}: it can't be what it should be", name, format_bytes(limit)));
    }
    text += as_text(ByteSpan(buffer).first(count));
  }
}

}  // namespace

void UniqueFd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old < 0) return;
  const int saved = errno;  // often a descriptor is dropped on the way out of a failure that still has to be told
  ::close(old);             // after EINTR the descriptor is closed too (Linux)
  errno = saved;
}

Result<Directory> Directory::open(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "open the directory " + shown(path)));
  return Directory(path, std::move(fd));
}

Result<Directory> Directory::create(const std::filesystem::path& path) {
  std::filesystem::path current;
  std::filesystem::path last_present;
  for (const auto& component : path) {
    current /= component;
    struct stat status = {};
    if (stat(current.c_str(), &status) == 0) {
      last_present = current;
      continue;
    }
    if (mkdir(current.c_str(), 0777) == 0) {
      // A run that was killed may have made that one and not come to this.
      if (!last_present.empty()) FL_CHECK(sync_parent(std::exchange(last_present, {})));
      FL_CHECK(sync_parent(current));
    } else if (errno != EEXIST) {
      return fail(errno_error(errno, "create the directory " + shown(current)));
    }
  }
  return open(path);
}

Result<std::optional<UniqueFd>> Directory::open_file(const std::string& relative) const {
  FL_CHECK(check_relative_path(relative));
  const std::filesystem::path full = path_ / relative;
  // O_NONBLOCK: a FIFO in the place of the file must not block us. It has no effect on regular files.
  UniqueFd file = open_beneath(fd(), relative, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  const int error = errno;
  if (!file && error == ENOENT) return std::optional<UniqueFd>();
  if (!file && error != ENXIO) return fail(open_error(error, full));
  bool regular = false;  // ENXIO: a socket, or a device without a driver
  if (file) {
    FL_TRY(regular, is_regular(file, full));
  }
  if (!regular)
    return fail(ErrorCode::kIntegrity, fmt::format("{} is not a regular file: it can't be read", shown(full)));
  return std::optional<UniqueFd>(std::move(file));
}

Status Directory::create_directory(const std::string& relative) const {
  FL_CHECK(check_relative_path(relative));
  std::string_view trimmed = relative;
  while (trimmed.ends_with('/')) trimmed.remove_suffix(1);
  const auto slash = trimmed.rfind('/');
  const std::string parent(slash == std::string_view::npos ? "." : trimmed.substr(0, slash));
  const std::string name(slash == std::string_view::npos ? trimmed : trimmed.substr(slash + 1));
  const UniqueFd parent_fd = open_beneath(fd(), parent, O_RDONLY | O_DIRECTORY);
  if (!parent_fd) return fail(open_error(errno, path_ / parent));
  if (mkdirat(parent_fd.get(), name.c_str(), 0777) != 0) {
    if (errno != EEXIST) return fail(errno_error(errno, "create the directory " + shown(path_ / relative)));
    const UniqueFd existing = open_beneath(parent_fd.get(), name, O_PATH | O_DIRECTORY);
    if (!existing) return fail(open_error(errno, path_ / relative));
  }
  // Also of one that was there: who made it may have been killed before this.
  return sync_directory(parent_fd.get(), path_ / parent);
}

Result<Directory> Directory::open_directory(const std::string& relative) const {
  FL_CHECK(check_relative_path(relative));
  UniqueFd fd = open_beneath(fd_.get(), relative, O_RDONLY | O_DIRECTORY);
  if (!fd) return fail(open_error(errno, path_ / relative));
  return Directory(path_ / relative, std::move(fd));
}

Status Directory::sync() const {
  return sync_directory(fd(), path_);
}

Status Directory::sync_entry() const {
  return sync_parent(path_);
}

Result<std::uint64_t> file_size(const UniqueFd& file) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return fail(errno_error(errno, "look at an open file"));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kLocalIo, "cannot tell a file's size: it is not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> read_at(const UniqueFd& file, std::uint64_t offset, MutableByteSpan buffer) {
  constexpr auto kMaxOffset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  std::size_t done = 0;
  while (done < buffer.size()) {
    if (offset > kMaxOffset - done) return done;  // behind the end of any file
    const ssize_t count =
        pread(file.get(), buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(errno, "read an open file"));
    if (count == 0) return done;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Status write_all(const UniqueFd& file, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(errno_error(errno, "write an open file"));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::vector<std::string>> list_directory(const std::filesystem::path& path) {
  struct Close {
    void operator()(DIR* stream) const noexcept { closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> stream(opendir(path.c_str()));
  if (!stream) return fail(errno_error(errno == ENOTDIR ? ENOENT : errno, "open the directory " + shown(path)));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(errno_error(errno, "read the directory " + shown(path)));
  return names;
}

Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit) {
  const std::string name = shown(path);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) return fail(errno_error(errno, "open " + name));
  // In sequence, not by offset: the user may name a pipe, as a shell's <(…) does.
  return read_up_to(limit, name, [&](std::size_t, MutableByteSpan buffer) -> Result<std::size_t> {
    for (;;) {
      const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return fail(errno_error(errno, "read " + name));
    }
  });
}

Result<std::string> read_small_file(const UniqueFd& file, std::size_t limit, std::string_view name) {
  const std::string safe_name = printable(name, 4096);
  auto text = read_up_to(limit, safe_name,
                         [&](std::size_t position, MutableByteSpan buffer) { return read_at(file, position, buffer); });
  if (!text && text.error().code() != ErrorCode::kProtocol) {
    return fail(std::move(text).error().with_context(safe_name));
  }
  return text;
}

std::filesystem::path resolve(const std::filesystem::path& path) {
  std::error_code error;
  // Where nothing is there yet, weakly_canonical() alone leaves a relative path relative.
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return path;
  std::filesystem::path whole = std::filesystem::weakly_canonical(absolute, error);
  return error ? absolute : whole;
}

std::optional<std::filesystem::path> path_below(const std::filesystem::path& path,
                                                const std::filesystem::path& directory) {
  std::filesystem::path below = resolve(path).lexically_relative(resolve(directory));
  if (below.empty() || *below.begin() == "..") return std::nullopt;
  return below;
}

bool is_same_file(const std::filesystem::path& one, const std::filesystem::path& other) {
  std::error_code error;
  return std::filesystem::equivalent(one, other, error) || resolve(one) == resolve(other);
}

Error errno_error(int error_number, std::string_view what) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kLocalIo;
  return Error(
      code, fmt::format("cannot {}: {}{}", what, std::generic_category().message(error_number), advice(error_number)));
}

Result<LocalName> locate(const std::filesystem::path& path) {
  std::string shown = printable(path.native(), 4096);
  std::string name = path.filename().native();
  if (name.empty() || name == "." || name == ".." || name.find('\0') != std::string::npos) {
    return fail(ErrorCode::kLocalIo, fmt::format("\"{}\" names no file", shown));
  }
  auto directory = Directory::open(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
  if (!directory && directory.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kLocalIo, fmt::format("the directory of {} does not exist: create it first", shown));
  }
  if (!directory) return fail(std::move(directory).error());
  return LocalName{*std::move(directory), std::move(name), std::move(shown)};
}

}  // namespace freightliner::io
