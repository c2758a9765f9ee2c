#include "io/beneath.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "freightliner/base/text.h"

namespace freightliner::io {
namespace {

// O_DIRECTORY together with O_NOFOLLOW answers ENOTDIR for a link; openat2 says ELOOP, and so do we.
UniqueFd open_component(int directory, const std::string& name, int flags) {
  UniqueFd fd(openat(directory, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
  if (fd || errno != ENOTDIR) return fd;
  struct stat status = {};
  const bool is_link = fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
  errno = is_link ? ELOOP : ENOTDIR;
  return fd;
}

}  // namespace

UniqueFd open_beneath(int directory, const std::string& relative, int flags) {
  open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long fd = 0;
  do {
    fd = syscall(SYS_openat2, directory, relative.c_str(), &how, sizeof(how));
  } while (fd < 0 && errno == EINTR);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return open_stepwise(directory, relative, flags);
  return UniqueFd(static_cast<int>(fd));
}

UniqueFd open_stepwise(int directory, const std::string& relative, int flags) {
  UniqueFd parent;
  int at = directory;
  std::string last = ".";
  for (const std::string_view component : split(relative, '/')) {
    if (component.empty() || component == ".") continue;
    if (last != ".") {
      UniqueFd next = open_component(at, last, O_PATH | O_DIRECTORY);
      if (!next) return next;
      parent = std::move(next);
      at = parent.get();
    }
    last = component;
  }
  return open_component(at, last, flags);
}

Status check_relative_path(const std::string& relative) {
  bool valid = !relative.empty() && relative.front() != '/' && relative.find('\0') == std::string::npos;
  const auto components = split(relative, '/');
  valid = valid && std::ranges::find(components, "..") == components.end();
  if (valid) return {};
  return fail(ErrorCode::kIntegrity,
              fmt::format("\"{}\" is not a path inside a directory: it must be relative and without \"..\"",
                          printable(relative)));
}

Status check_file_name(const std::string& name) {
  FL_CHECK(check_relative_path(name));
  if (name != "." && name.find('/') == std::string::npos) return {};
  return fail(ErrorCode::kIntegrity, fmt::format("\"{}\" is not a file name: it must have no slash", printable(name)));
}

}  // namespace freightliner::io
