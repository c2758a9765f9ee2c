#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replicate/glob.h"

namespace re2 {
class RE2;
}

namespace freightliner::replicate {

/// An RE2 expression that must match whole names, byte by byte, case-sensitive. The only door to RE2. Immutable, safe
/// from any thread.
class Regex {
 public:
  struct Fault {
    std::size_t offset;  ///< in the expression
    std::string message;
  };

  explicit Regex(const std::string& expression);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// Why RE2 refuses the expression; nullopt where it takes it. With a fault nothing matches.
  std::optional<Fault> fault() const;
  bool matches(std::string_view name) const noexcept;

 private:
  std::unique_ptr<re2::RE2> expression_;
};

/// The expression that means the same as a glob.
std::string to_expression(const GlobSequence& glob);

}  // namespace freightliner::replicate
