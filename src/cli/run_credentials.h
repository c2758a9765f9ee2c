#pragma once

#include "cli/run_request.h"

namespace freightliner::cli {

/// One side of a run as far as credentials go.
struct CredentialSide {
  std::string name;  ///< as the user would write it
  bool is_registry = false;
};
struct CredentialSides {
  CredentialSide source;
  CredentialSide destination;
};

/// Fills the explicit credentials of both sides of `request`. A side that is no registry takes none: that is an error
/// where a flag asked for it, and passed over where environment or configuration did (they serve many runs). Errors:
/// kUsage — a user name without a password or the reverse, a password from two places, both from standard input, or one
/// that can't be read.
Status read_credentials(const Settings& settings, int standard_input, const CredentialSides& sides,
                        RunRequest& request);

}  // namespace freightliner::cli
