#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "freightliner/base/bytes.h"

namespace freightliner::io {

/// Owns a file descriptor. Move-only.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

/// A directory held open, below which names are resolved without following any symbolic link and without leaving it
/// (openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). Thread-safe: it has no mutable state.
class Directory {
 public:
  /// Opens an existing directory (symbolic links in `path` itself are followed: it is the user's). Errors: kNotFound,
  /// kLocalIo.
  static Result<Directory> open(const std::filesystem::path& path);
  /// Creates the directory and its parents where they are missing (mode 0777 & ~umask), durably, then opens it.
  static Result<Directory> create(const std::filesystem::path& path);

  /// Opens a regular file below for reading; nullopt where there is none. Errors: kIntegrity for a link or anything
  /// that is no regular file, or a path with ".." or a NUL; else kLocalIo.
  Result<std::optional<UniqueFd>> open_file(const std::string& relative) const;
  /// Creates one directory level below where it is missing, and makes it durable also where it is not. Errors:
  /// kIntegrity for a link, kNotFound for a missing parent, kLocalIo.
  Status create_directory(const std::string& relative) const;
  /// Opens a directory below. Errors: kIntegrity for a link, kNotFound, kLocalIo.
  Result<Directory> open_directory(const std::string& relative) const;
  /// fsync(2) on the directory itself.
  Status sync() const;
  /// fsync(2) on the directory that it stands in, as far as that may be read: then it does not go away itself.
  Status sync_entry() const;
  const std::filesystem::path& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_.get(); }

 private:
  Directory(std::filesystem::path path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  UniqueFd fd_;
};

/// The size of an open regular file.
Result<std::uint64_t> file_size(const UniqueFd& file);
/// Fills `buffer` from `offset` on: less only where the file ends, 0 at the end; retries EINTR. Errors: kLocalIo.
Result<std::size_t> read_at(const UniqueFd& file, std::uint64_t offset, MutableByteSpan buffer);
/// Writes all of `bytes` at the file's position. Errors: kLocalIo (with errno's text).
Status write_all(const UniqueFd& file, ByteSpan bytes);
/// A whole small file as text, refused above `limit` bytes. The first form follows links and reads pipes (the path is
/// the user's); the second reads a regular file from its start, wherever its position is, and names it `name` in
/// errors. Errors: kNotFound, kLocalIo, kProtocol (too large).
Result<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit);
Result<std::string> read_small_file(const UniqueFd& file, std::size_t limit, std::string_view name);

/// The names in a directory but for "." and "..", in no order; links in the path are followed. Not the standard
/// library's iterator: libstdc++'s allocates where it may not throw, and ends the process where memory is short.
/// Errors: kNotFound where there is no such directory, kLocalIo.
Result<std::vector<std::string>> list_directory(const std::filesystem::path& path);

/// A path as one text for one place, whatever way leads there: absolute, its links followed as far as it exists. What
/// can't be resolved stays as it is.
std::filesystem::path resolve(const std::filesystem::path& path);
/// Where `path` lies below `directory` ("." for the directory itself), both resolved; nullopt where it lies elsewhere.
std::optional<std::filesystem::path> path_below(const std::filesystem::path& path,
                                                const std::filesystem::path& directory);
/// Whether both name one file, by whatever way. Neither has to exist.
bool is_same_file(const std::filesystem::path& one, const std::filesystem::path& other);

/// errno as an Error: ENOENT → kNotFound, all else kLocalIo. `what` as in "write /x/y".
Error errno_error(int error_number, std::string_view what);

/// A path as the open directory and the name in it. Immutable.
struct LocalName {
  Directory directory;
  std::string name;
  std::string shown;  ///< the path, for messages
};
/// Errors: kLocalIo, also where the directory is missing or the path names no file.
Result<LocalName> locate(const std::filesystem::path& path);

}  // namespace freightliner::io
