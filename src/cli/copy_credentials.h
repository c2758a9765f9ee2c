#pragma once

#include "cli/copy_request.h"

namespace freightliner::cli {

/// Fills the explicit credentials of both sides of `request`, whose names are parsed. A side that is no registry takes
/// none: that is an error where a flag asked for it, and passed over where environment or configuration did (they serve
/// many runs). Errors: kUsage — a user name without a password or the reverse, a password from two places, both from
/// standard input, or one that can't be read.
Status read_credentials(const Settings& settings, int standard_input, CopyRequest& request);

}  // namespace freightliner::cli
