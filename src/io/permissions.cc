#include "freightliner/io/permissions.h"

#include <unistd.h>

#include <cerrno>

namespace freightliner::io {

Status take_permissions(const UniqueFd& file, const struct stat& old, const std::string& shown) {
  constexpr mode_t kPermissions = S_IRWXU | S_IRWXG | S_IRWXO;
  mode_t mode = old.st_mode & kPermissions;
  if (fchown(file.get(), old.st_uid, old.st_gid) != 0 && fchown(file.get(), static_cast<uid_t>(-1), old.st_gid) != 0) {
    mode &= ~static_cast<mode_t>(S_IRWXG);
  }
  if (fchmod(file.get(), mode) == 0 || errno == EPERM || errno == EOPNOTSUPP) return {};
  return fail(errno_error(errno, "set the mode of a temporary file for " + shown));
}

}  // namespace freightliner::io
