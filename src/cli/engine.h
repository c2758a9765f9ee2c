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
  registry::UploadJournal* uploads = nullptr;  ///< of uploads; nullptr: a kill loses what was under way
};

/// How many threads a run may have. Eager ones start with the first work, further ones where hosts are slow to answer.
struct Workforce {
  std::size_t eager = 1;
  std::size_t most = 1;
};

/// That of a run over many images: a worker for each job, and more, as --jobs-per-host allows, for small requests. A
/// worker has one connection to each side, and so two to a host that is both.
Workforce many_images_workforce(const RunRequest& request, bool same_host) noexcept;

/// The object graph of one run: clients, sessions, buffers, workers, copier. Built in the order in which it is needed,
/// taken down in reverse. The request and the services outlive it.
class Engine {
 public:
  Engine(const RunRequest& request, const RunServices& services, Workforce workforce, const std::stop_token& stop);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The clients of either side, made when first asked for (RegistryClients). Safe from any thread.
  registry::RegistryClient& source_client(const std::string& registry);
  registry::RegistryClient& destination_client(const std::string& registry, copy::Overwrite overwrite);
  /// What the copier works with, for other copiers.
  const copy::CopyServices& copy_services() const noexcept;
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
