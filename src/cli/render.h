#pragma once

#include <string>

#include "cli/json_text.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/copy/copier.h"

namespace freightliner::cli {

/// The two ends of a copy, as the user would write them.
struct CopyNames {
  std::string source;
  std::string destination;
};

/// What standard output gets after a copy, with a newline at the end: one line; for a dry run a table and a line.
std::string render_text(const copy::CopyReport& report, const CopyNames& names);
/// The same and more as a JSON object, and that as one line.
Json copy_json(const copy::CopyReport& report, const CopyNames& names);
std::string render_json(const copy::CopyReport& report, const CopyNames& names);
/// A failure as a JSON object, and that as one line. Names may be empty where it did not come so far.
Json failure_json(const Error& error, int exit_code, const CopyNames& names);
std::string render_json(const Error& error, int exit_code, const CopyNames& names);

/// 0, or 3 for a copy that was left undone because of --overwrite never.
int exit_code(const copy::CopyReport& report) noexcept;

}  // namespace freightliner::cli
