#pragma once

#include <cstdint>
#include <string_view>

#include "cli/copy_request.h"
#include "cli/json_text.h"
#include "cli/line_reader.h"
#include "cli/render.h"

namespace freightliner::cli {

/// One line of a batch, as far as it could be read.
struct BatchLine {
  std::uint64_t number = 0;  ///< from 1
  Json id = {};              ///< a string or a number; that of the line where it has none of its own
  CopyNames names = {};      ///< empty where they are not known
  Duration timeout{0};       ///< of this copy; 0: none
  Result<CopyOrder> order;   ///< errors: kUsage, naming the line
};

/// Reads a request: a JSON object with "source" and "destination", and what docs/BATCH.md lists besides. `settings` are
/// those of the command line; a member of the line beats them.
BatchLine read_batch_line(const LineReader::Line& line, const Settings& settings);

}  // namespace freightliner::cli
