#pragma once

#include "freightliner/runtime/cleanup_registry.h"

namespace freightliner::test {

/// For tests of what registers something: one for the whole program, so that it outlives whatever a test holds.
inline runtime::CleanupRegistry& cleanups() {
  static SystemClock clock;
  static runtime::CleanupRegistry registry(clock);
  return registry;
}

}  // namespace freightliner::test
