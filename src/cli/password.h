#pragma once

#include <string>

#include "freightliner/base/result.h"

namespace freightliner::cli {

/// The first line of a file, or of `standard_input` (a descriptor) where `path` is "-". Errors: kUsage — not readable,
/// empty, more than one line, a control character in it, longer than 64 KiB, or a terminal (it would show what is
/// typed).
Result<std::string> read_password(const std::string& path, int standard_input);

}  // namespace freightliner::cli
