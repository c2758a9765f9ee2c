#pragma once

#include <stop_token>

#include "cli/copy_request.h"
#include "freightliner/copy/copier.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::cli {

/// What a copy shares with whoever watches it; all of it outlives the call.
struct CopyRunServices {
  Clock& clock;
  runtime::Progress& progress;
  Logger log;
};

/// Builds the objects of one copy (clients, sessions, pool, workers, copier), runs it and takes them down again.
/// Errors: as copy::Copier::copy, and those of opening layouts and archives.
Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const CopyRunServices& services,
                                          const std::stop_token& stop);

}  // namespace freightliner::cli
