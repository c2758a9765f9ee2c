#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "cli/run_request.h"
#include "freightliner/copy/copier.h"
#include "freightliner/http/host_governor.h"
#include "freightliner/registry/registry_client.h"
#include "freightliner/runtime/cleanup_registry.h"
#include "freightliner/runtime/memory_governor.h"
#include "freightliner/runtime/performance_monitor.h"
#include "freightliner/runtime/progress.h"

namespace freightliner::cli {

/// What a run shares with whoever watches it; all of it outlives the run.
struct RunServices {
  Clock& clock;
  runtime::Progress& progress;
  runtime::CleanupRegistry& cleanups;
  runtime::PerformanceMonitor& monitor;
  Logger log;
};

/// How many threads a run may have. Eager ones start with the first work, further ones as they pay.
struct Workforce {
  std::size_t eager = 1;
  std::size_t most = 1;
};

/// The object graph of one run: clients, sessions, buffers, workers, copier. Built in the order in which it is needed,
/// taken down in reverse. The request and the services outlive it.
class Engine {
 public:
  /// Registries as in oci::Reference::registry; empty for a side that is none.
  struct Sides {
    std::string source;
    std::string destination;
  };
  Engine(const RunRequest& request, const RunServices& services, const Sides& sides, Workforce workforce,
         const std::stop_token& stop);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// nullptr where the side is no registry. Each side has an identity of its own, also on the same host: they may log
  /// in as different users.
  registry::RegistryClient* source_client() noexcept;
  registry::RegistryClient* destination_client() noexcept;
  const copy::Copier& copier() const noexcept;
  runtime::WorkerPool& workers() noexcept;
  copy::WorkerSessions& sessions() noexcept;
  io::BufferPool& buffers() noexcept;
  runtime::MemoryGovernor& memory() noexcept;
  /// The session of the thread that builds the engine.
  http::Session& own_session() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::cli
