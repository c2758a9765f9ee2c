#pragma once

#include <string>

#include "freightliner/io/file.h"

namespace freightliner::io {

/// Opens `relative` below the open directory `directory` without following a symbolic link anywhere on the way and
/// without leaving it. `flags` as for open(2), without O_CREAT; O_CLOEXEC is added. On failure an empty descriptor, and
/// errno: ELOOP or EXDEV for a link. openat2(2), or open_stepwise() where the kernel (before 5.6) or a sandbox refuses
/// that.
UniqueFd open_beneath(int directory, const std::string& relative, int flags);

/// The same, component by component.
UniqueFd open_stepwise(int directory, const std::string& relative, int flags);

/// Refuses what can't be a path below a directory: empty, absolute, with "..", or with a NUL inside. Error: kIntegrity.
Status check_relative_path(const std::string& relative);

/// Refuses what is not the name of one file: as above, or with a slash. Error: kIntegrity.
Status check_file_name(const std::string& name);

}  // namespace freightliner::io
