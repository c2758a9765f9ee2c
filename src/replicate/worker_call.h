#pragma once

#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "freightliner/replicate/tree_replicator.h"

namespace freightliner::replicate {

/// What `work(caller)` returns, run in a worker with the worker's own connections, when all other tasks have ended as
/// well: the thread that feeds the workers needs no connection for itself. Never from a task.
template <typename Work>
std::invoke_result_t<Work, http::Caller&> call_in_worker(const TreeServices& services, const std::stop_token& stop,
                                                         Work work) {
  std::optional<std::invoke_result_t<Work, http::Caller&>> result;
  services.workers.submit([&](std::size_t worker) {
    http::Caller caller{services.sessions.of(worker), stop};
    result.emplace(work(caller));
  });
  services.workers.wait_idle();
  return *std::move(result);
}

}  // namespace freightliner::replicate
