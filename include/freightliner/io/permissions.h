#pragma once

#include <sys/stat.h>

#include <string>

#include "freightliner/io/file.h"

namespace freightliner::io {

/// Gives a file that is to take another one's place what that one has of owner, group and mode: who could not read the
/// old file shall not read the new one, and who could still can. Only root can give a file to its old owner; where it
/// can't have the old group either, no group may read it. A file system without modes is no error. `shown` names the
/// file in messages. Safe from any thread. Errors: kLocalIo.
Status take_permissions(const UniqueFd& file, const struct stat& old, const std::string& shown);

}  // namespace freightliner::io
