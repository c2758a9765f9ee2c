#include "cli/engine.h"

#include "cli/defaults.h"
#include "freightliner/auth/authenticator.h"
#include "freightliner/cli/app.h"
#include "freightliner/oci/reference.h"

namespace freightliner::cli {
namespace {

/// One side's identity at one registry. Source and destination have one each, also on the same host: they may log in as
/// different users.
class RegistrySide {
 public:
  RegistrySide(const RunRequest& request, const std::string& registry,
               const std::optional<auth::Credential>& credential, const registry::RegistryServices& services,
               const std::stop_token& stop)
      : credentials_(store_options(request, credential, stop), services.log),
        authenticator_(authenticator_options(request, registry), credentials_, services.clock, services.log),
        client_(registry_options(request, registry), authenticator_, services) {}

  registry::RegistryClient& client() noexcept { return client_; }

 private:
  static auth::CredentialStoreOptions store_options(const RunRequest& request,
                                                    const std::optional<auth::Credential>& credential,
                                                    const std::stop_token& stop) {
    auth::CredentialStoreOptions options;
    options.stop = stop;
    options.explicit_credential = credential;
    options.authfile = request.authfile;
    options.default_files = auth::default_auth_files(process_environment);
    return options;
  }

  static auth::AuthenticatorOptions authenticator_options(const RunRequest& request, const std::string& registry) {
    const auto hosts = request.token_hosts.find(registry);
    return {.registry = registry,
            .token_hosts = hosts == request.token_hosts.end() ? std::set<std::string>() : hosts->second,
            .retry = request.retry};
  }

  static registry::RegistryOptions registry_options(const RunRequest& request, const std::string& registry) {
    registry::RegistryOptions options;
    options.registry = registry;
    options.plain_http = is_plain_http(request, registry);
    options.retry = request.retry;
    options.chunk_size = request.upload_chunk_size;
    options.refused_is_absent = !request.keeps_tags;
    return options;
  }

  static bool is_plain_http(const RunRequest& request, const std::string& registry) {
    constexpr int kHttpPort = 80;
    const auto parsed = oci::parse_host_port(registry);
    if (!parsed) return false;
    return http::names_origin(
        request.plain_http_hosts,
        {.scheme = "http", .host = parsed->host, .port = parsed->port == 0 ? kHttpPort : parsed->port});
  }

  auth::CredentialStore credentials_;
  auth::Authenticator authenticator_;
  registry::RegistryClient client_;
};

std::unique_ptr<RegistrySide> make_side(const RunRequest& request, const std::string& registry,
                                        const std::optional<auth::Credential>& credential,
                                        const registry::RegistryServices& services, const std::stop_token& stop) {
  if (registry.empty()) return nullptr;
  return std::make_unique<RegistrySide>(request, registry, credential, services, stop);
}

http::GovernorOptions governor_options(const RunRequest& request) {
  http::GovernorOptions options;
  options.max_requests = request.jobs_per_host;
  options.requests_per_second = request.requests_per_second;
  return options;
}

runtime::MemoryGovernor::Options memory_options(const RunRequest& request) {
  // No more is kept than what the transfers of all jobs hold at one time.
  const std::size_t transfers = request.jobs * kChunksPerQueue * io::buffer_capacity(request.buffer_size);
  return {.budget = runtime::find_memory_budget(request.max_memory), .retained_cap = transfers};
}

}  // namespace

class Engine::Impl {
 public:
  Impl(const RunRequest& request, const RunServices& services, const Sides& sides, Workforce workforce,
       const std::stop_token& stop)
      : governor(services.clock, governor_options(request), services.log),
        shared{.governor = governor,
               .clock = services.clock,
               .progress = services.progress,
               .cleanups = services.cleanups,
               .log = services.log},
        source(make_side(request, sides.source, request.source_credential, shared, stop)),
        destination(make_side(request, sides.destination, request.destination_credential, shared, stop)),
        memory(buffers, services.clock, memory_options(request), services.log),
        slots(request.jobs),
        bandwidth(services.clock, request.bandwidth, request.bandwidth_by_host),
        sessions(workforce.most,
                 [&request, &services, this] {
                   return std::make_unique<http::Session>(request.session, caches, services.log);
                 }),
        own_session(request.session, caches, services.log),
        workers({.eager = workforce.eager, .most = workforce.most}),
        copier({.workers = workers,
                .sessions = sessions,
                .helpers = request.jobs - 1,
                .slots = slots,
                .ledger = ledger,
                .recompressions = recompressions,
                .bandwidth = bandwidth,
                .buffers = buffers,
                .memory = memory,
                .clock = services.clock,
                .progress = services.progress,
                .retry = request.retry,
                .log = services.log,
                .chunk_size = request.buffer_size,
                .chunks_per_queue = kChunksPerQueue}) {}

  http::SharedCaches caches;
  http::HostGovernor governor;
  registry::RegistryServices shared;
  std::unique_ptr<RegistrySide> source;
  std::unique_ptr<RegistrySide> destination;
  io::BufferPool buffers;
  runtime::MemoryGovernor memory;
  copy::TransferSlots slots;
  copy::BlobLedger ledger;
  copy::RecompressionLedger recompressions;
  copy::BandwidthLimiter bandwidth;
  copy::WorkerSessions sessions;
  http::Session own_session;
  runtime::WorkerPool workers;  // ends before what its tasks use
  copy::Copier copier;
};

Engine::Engine(const RunRequest& request, const RunServices& services, const Sides& sides, Workforce workforce,
               const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(request, services, sides, workforce, stop)) {}
Engine::~Engine() = default;

registry::RegistryClient* Engine::source_client() noexcept {
  return impl_->source ? &impl_->source->client() : nullptr;
}
registry::RegistryClient* Engine::destination_client() noexcept {
  return impl_->destination ? &impl_->destination->client() : nullptr;
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
