#include "freightliner/replicate/pattern_cache.h"

namespace freightliner::replicate {

Result<std::shared_ptr<const Pattern>> PatternCache::get(const std::string& text, NameKind kind) {
  // Compiling under the lock: it takes microseconds, and whoever asks for the same pattern meanwhile waits for it
  // anyhow.
  return state_.with([&](State& state) -> Result<std::shared_ptr<const Pattern>> {
    auto key = std::pair(kind, text);
    if (const auto found = state.patterns.find(key); found != state.patterns.end()) {
      ++state.statistics.reused;
      return found->second;
    }
    FL_TRY(auto pattern, Pattern::compile(text, kind));
    ++state.statistics.compiled;
    state.patterns.emplace(std::move(key), pattern);
    return pattern;
  });
}

PatternCache::Statistics PatternCache::statistics() const {
  return state_.with([](const State& state) { return state.statistics; });
}

}  // namespace freightliner::replicate
