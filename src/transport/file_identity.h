#pragma once

#include <sys/stat.h>

namespace freightliner::transport {

/// Which file stood under a name, and in which state; all zero: none. While a descriptor of the file is open its inode
/// is not given to another one.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  time_t seconds = 0;
  long nanoseconds = 0;

  bool operator==(const FileIdentity&) const = default;
  static FileIdentity of(const struct stat& status) noexcept {
    return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  }
};

}  // namespace freightliner::transport
