#pragma once

#include "cli/run_monitor.h"
#include "cli/tree_request.h"
#include "freightliner/replicate/tree_report.h"

namespace freightliner::cli {

/// Ends a run over two trees: completes the report (exit code, figures, what a signal has to do with it), saves it
/// where
/// --report says, prints it and returns the exit code. `text` is the result for people.
int finish_tree_run(RunFrame& frame, RunMonitor& monitor, const TreeRequest& request, replicate::TreeReport report,
                    std::string (*text)(const replicate::TreeReport&));

}  // namespace freightliner::cli
