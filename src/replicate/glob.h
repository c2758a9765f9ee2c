#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/result.h"
#include "freightliner/replicate/pattern.h"

namespace freightliner::replicate {

using ByteSet = std::bitset<256>;

struct GlobToken {
  enum class Kind {
    kLiteral,        ///< `literal`, never empty
    kClass,          ///< one byte out of `bytes`; `?` is a class too
    kComponentStar,  ///< any text without '/': `*` in repository patterns
    kStar,           ///< any text
    kOpen,           ///< `{`, then alternatives with kNext between them, then kClose; properly nested
    kNext,
    kClose,
  };
  Kind kind;
  std::string literal = {};
  ByteSet bytes = {};
};

/// A glob as its parts: neighbouring literals are one token, and so are neighbouring stars.
using GlobSequence = std::vector<GlobToken>;

/// Errors: kUsage with the position, as Pattern::compile().
Result<GlobSequence> parse_glob(std::string_view pattern, NameKind kind);

/// The sequences without braces that a glob stands for together, in the order of the text; nullopt where they would be
/// more than `limit`.
std::optional<std::vector<GlobSequence>> expand_braces(const GlobSequence& glob, std::size_t limit);

}  // namespace freightliner::replicate
