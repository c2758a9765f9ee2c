#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "freightliner/base/guarded.h"
#include "freightliner/replicate/pattern.h"

namespace freightliner::replicate {

/// Compiled patterns, each once for a whole run, shared between repositories and jobs. Safe from any thread.
class PatternCache {
 public:
  struct Statistics {
    std::uint64_t compiled = 0;
    std::uint64_t reused = 0;
  };

  /// Errors: as Pattern::compile().
  Result<std::shared_ptr<const Pattern>> get(const std::string& text, NameKind kind);
  Statistics statistics() const;

 private:
  struct State {
    std::map<std::pair<NameKind, std::string>, std::shared_ptr<const Pattern>> patterns;
    Statistics statistics;
  };
  Guarded<State> state_;
};

}  // namespace freightliner::replicate
