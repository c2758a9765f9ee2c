#pragma once

#include <stop_token>

#include "cli/copy_request.h"
#include "cli/engine.h"
#include "freightliner/copy/copier.h"

namespace freightliner::cli {

/// Runs one copy. Errors: as copy::Copier::copy, and those of opening layouts and archives.
Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const RunServices& services,
                                          const std::stop_token& stop);

}  // namespace freightliner::cli
