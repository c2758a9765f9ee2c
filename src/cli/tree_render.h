#pragma once

#include <string>

#include "freightliner/replicate/tree_report.h"

namespace freightliner::cli {

/// The end of a replication for people: a table of the repositories in which something happened, the failures, what a
/// dry run would do, and one line of counts that add up.
std::string render_tree_text(const replicate::TreeReport& report);
/// The end of a comparison: a line for each tag that is not equal, and one of counts.
std::string render_check_text(const replicate::TreeReport& report);

}  // namespace freightliner::cli
