#pragma once

#include <stop_token>

#include "cli/engine.h"
#include "cli/tree_request.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/replicate/tree_report.h"

namespace freightliner::cli {

/// Runs a replication: takes the lock and the checkpoint (a dry run takes neither), builds the objects, replicates,
/// takes them down again. What went wrong as a whole stands in the report.
replicate::TreeReport replicate_tree(const TreeRequest& request, const RunServices& services,
                                     const std::stop_token& stop);
/// Compares the two trees.
replicate::TreeReport check_tree(const TreeRequest& request, const RunServices& services, const std::stop_token& stop);

/// What a finished replication or comparison exits with.
int exit_code(const replicate::TreeReport& report, const Interruption& interruption) noexcept;

}  // namespace freightliner::cli
