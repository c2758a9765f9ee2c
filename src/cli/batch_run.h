#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/run_frame.h"
#include "cli/run_request.h"

namespace freightliner::cli {

/// All that a batch needs to know besides its lines, checked. A value type; holds passwords.
struct BatchRequest : RunRequest {
  std::filesystem::path file = {};  ///< "-": standard input
};

/// Checks the command line of `copy --batch`. Credentials are for all registries of a side. Errors: kUsage.
Result<BatchRequest> make_batch_request(const Settings& settings, const std::vector<std::string>& operands,
                                        const EnvironmentLookup& environment, int standard_input);

/// Reads requests line by line, copies them, and prints each result as a line of JSON when it is there. Returns the
/// exit code; has told about any failure. A stop (signal, deadline) ends the reading and all that is under way; where
/// standard output fails, nothing more is read and what is under way comes to its end.
int run_batch(RunFrame& frame, const BatchRequest& request, const Settings& settings);

}  // namespace freightliner::cli
