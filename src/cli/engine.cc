#include "cli/engine.h"

#include <algorithm>

#include "cli/defaults.h"
#include "cli/registry_clients.h"
#include "freightliner/copy/recompress_buffers.h"
#include "freightliner/copy/transfer_tuner.h"
#include "freightliner/runtime/processor_pressure.h"

namespace freightliner::cli {
namespace {

// A registry in the same data centre answers a small request in 1 or 2 ms, busy in some more: more connections than
// jobs only stand in each other's way there. From here on the time is spent on the way, or in a store behind the
// registry; or programs of this machine, which can be the registry as well, wait for its processors.
constexpr std::chrono::milliseconds kSlow{10};
// Far, whatever else this machine does.
constexpr std::chrono::milliseconds kFar{50};

http::GovernorOptions governor_options(const RunRequest& request) {
  http::GovernorOptions options;
  options.max_requests = request.jobs_per_host;
  options.requests_per_second = request.requests_per_second;
  return options;
}

runtime::MemoryGovernor::Options memory_options(const RunRequest& request) {
  const std::size_t largest = request.buffer_size.value_or(copy::TransferTuner::Limits().largest);
  // No more is kept than what the transfers of all jobs hold at one time.
  std::size_t transfer = kChunksPerQueue * io::buffer_capacity(largest);
  if (request.codec_memory > 0) {
    const std::size_t chunk_size = request.buffer_size.value_or(copy::TransferTuner::Limits().smallest);
    // And one more, or the small buffers of configs push one of these out for each layer.
    transfer = std::max(transfer,
                        copy::recompress_buffer_bytes(chunk_size, kChunksPerQueue) + io::buffer_capacity(chunk_size));
  }
  return {.budget = runtime::find_memory_budget(request.max_memory), .retained_cap = request.jobs * transfer};
}

}  // namespace

Workforce many_images_workforce(const RunRequest& request, bool same_host) noexcept {
  const std::size_t connections = same_host ? request.jobs_per_host / 2 : request.jobs_per_host;
  const std::size_t most = std::max<std::size_t>(connections, 1);
  return {std::min(request.jobs, most), most};
}

class Engine::Impl {
 public:
  Impl(const RunRequest& request, const RunServices& services, Workforce workforce, const std::stop_token& stop)
      : governor(services.clock, governor_options(request), services.log),
        shared{.governor = governor,
               .clock = services.clock,
               .progress = services.progress,
               .cleanups = services.cleanups,
               .monitor = services.monitor,
               .log = services.log,
               .uploads = services.uploads},
        sources(request, request.source_credential, shared, stop),
        destinations(request, request.destination_credential, shared, stop),
        buffers({.pooling = request.buffer_pool}),
        memory(buffers, services.clock, memory_options(request), services.log),
        slots(request.jobs),
        bandwidth(services.clock, request.bandwidth, request.bandwidth_by_host),
        contribution(services.monitor.contribute([this, &services](runtime::PerformanceSnapshot& snapshot) {
          describe(snapshot);
          snapshot.cleanups = services.cleanups.statistics();
        })),
        sessions(workforce.most,
                 [&request, &services, this] {
                   return std::make_unique<http::Session>(request.session, caches, services.log);
                 }),
        own_session(request.session, caches, services.log),
        tuner({.chunks = kChunksPerQueue}),
        processors(services.clock),
        workers({.eager = workforce.eager,
                 .most = workforce.most,
                 .others_are_slow =
                     [this] {
                       const auto time = governor.answer_time();
                       return time >= kFar || (time >= kSlow && !processors.is_high());
                     }}),
        copy_services({.workers = workers,
                       .sessions = sessions,
                       .helpers = request.jobs - 1,
                       .slots = slots,
                       .ledger = ledger,
                       .recompressions = recompressions,
                       .lists = lists,
                       .bandwidth = bandwidth,
                       .buffers = buffers,
                       .memory = memory,
                       .clock = services.clock,
                       .progress = services.progress,
                       .monitor = services.monitor,
                       .retry = request.retry,
                       .log = services.log,
                       .chunk_size = request.buffer_size.value_or(copy::TransferTuner::Limits().smallest),
                       .chunks_per_queue = kChunksPerQueue,
                       .tuner = request.buffer_size ? nullptr : &tuner}),
        copier(copy_services) {}

  void describe(runtime::PerformanceSnapshot& snapshot) const {
    const http::ConnectionStatistics connections = caches.connections();
    snapshot.connections_opened = connections.opened;
    snapshot.requests = connections.requests;
    snapshot.hosts = governor.statistics();
    snapshot.bandwidth = bandwidth.waits();
    snapshot.buffer_pool = buffers.statistics();
    snapshot.memory = memory.statistics();
  }

  http::SharedCaches caches;
  http::HostGovernor governor;
  registry::RegistryServices shared;
  RegistryClients sources;
  RegistryClients destinations;
  io::BufferPool buffers;
  runtime::MemoryGovernor memory;
  copy::TransferSlots slots;
  copy::BlobLedger ledger;
  copy::RecompressionLedger recompressions;
  copy::ReferrerLists lists;
  copy::BandwidthLimiter bandwidth;
  runtime::PerformanceMonitor::Contribution contribution;  // goes when the workers have ended
  copy::WorkerSessions sessions;
  http::Session own_session;
  copy::TransferTuner tuner;
  runtime::ProcessorPressure processors;
  runtime::WorkerPool workers;  // ends before what its tasks use
  copy::CopyServices copy_services;
  copy::Copier copier;
};

Engine::Engine(const RunRequest& request, const RunServices& services, Workforce workforce, const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(request, services, workforce, stop)) {}
Engine::~Engine() = default;

registry::RegistryClient& Engine::source_client(const std::string& registry) {
  return impl_->sources.of(registry);
}
registry::RegistryClient& Engine::destination_client(const std::string& registry, copy::Overwrite overwrite) {
  return impl_->destinations.of(registry,
                                overwrite == copy::Overwrite::kNever ? Refused::kIsAnError : Refused::kIsAbsent);
}
const copy::CopyServices& Engine::copy_services() const noexcept {
  return impl_->copy_services;
}
const copy::Copier& Engine::copier() const noexcept {
  return impl_->copier;
}
runtime::WorkerPool& Engine::workers() noexcept {
  return impl_->workers;
}
copy::WorkerSessions& Engine::sessions() noexcept {
  return impl_->sessions;
}
io::BufferPool& Engine::buffers() noexcept {
  return impl_->buffers;
}
runtime::MemoryGovernor& Engine::memory() noexcept {
  return impl_->memory;
}
http::Session& Engine::own_session() noexcept {
  return impl_->own_session;
}

}  // namespace freightliner::cli
