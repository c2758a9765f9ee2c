#pragma once

#include <map>
#include <string>
#include <vector>

#include "freightliner/base/result.h"
#include "freightliner/cli/option_table.h"

namespace freightliner::cli {

/// A command line taken apart; values as written, in order.
struct Arguments {
  /// By option name. A switch without a value has "true".
  std::map<std::string, std::vector<std::string>, std::less<>> values;
  std::vector<std::string> operands;
  bool help = false;
};

/// Parses what stands behind a command's name, with the flags that the option table gives to it. Values are not checked
/// here. Errors: kUsage for a flag that is unknown (with the name of ours where another tool has it, or the nearest
/// one), lacks its value, or takes none.
Result<Arguments> parse_arguments(CommandId command, const std::vector<std::string>& arguments);

}  // namespace freightliner::cli
