#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "freightliner/runtime/worker_pool.h"

namespace freightliner::runtime {

/// Runs `body(worker, index)` for every index below `count`, in the calling thread (`worker` is then nullopt) and in up
/// to `helpers` workers of the pool that happen to be free, and returns when all have run. As the caller works along,
/// it may itself be a task of the pool: nobody waits for a worker that never comes. `body` must not throw.
void parallel_for(WorkerPool& pool, std::size_t count, std::size_t helpers,
                  const std::function<void(std::optional<std::size_t> worker, std::size_t index)>& body);

}  // namespace freightliner::runtime
