#pragma once

#include <fmt/format.h>

#include <string_view>

#include "freightliner/base/result.h"
#include "freightliner/base/text.h"

namespace freightliner::replicate {

/// The error for a pattern that can't be used. `offset` (from 0) is where in `pattern` the fault is; the message counts
/// from 1.
inline Unexpected pattern_fault(std::string_view pattern, std::size_t offset, std::string_view what) {
  constexpr std::size_t kShown = 200;
  return fail(ErrorCode::kUsage,
              fmt::format("pattern \"{}\", position {}: {}", printable(pattern, kShown), offset + 1, what));
}

}  // namespace freightliner::replicate
