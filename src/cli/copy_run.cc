#include "cli/copy_run.h"

#include <memory>

#include "cli/defaults.h"
#include "freightliner/auth/authenticator.h"
#include "freightliner/cli/app.h"
#include "freightliner/http/host_governor.h"
#include "freightliner/oci/reference.h"
#include "freightliner/registry/registry_client.h"
#include "freightliner/transport/docker.h"
#include "freightliner/transport/layout.h"

namespace freightliner::cli {
namespace {

using transport::ImageName;
using transport::TransportKind;

/// One side's identity at one registry. Source and destination have one each, also on the same host: they may log in as
/// different users.
class RegistrySide {
 public:
  RegistrySide(const CopyRequest& request, const std::string& registry,
               const std::optional<auth::Credential>& credential, const registry::RegistryServices& services,
               const std::stop_token& stop)
      : credentials_(store_options(request, credential, stop), services.log),
        authenticator_(authenticator_options(request, registry), credentials_, services.clock, services.log),
        client_(registry_options(request, registry), authenticator_, services) {}

  registry::RegistryClient& client() noexcept { return client_; }

 private:
  static auth::CredentialStoreOptions store_options(const CopyRequest& request,
                                                    const std::optional<auth::Credential>& credential,
                                                    const std::stop_token& stop) {
    auth::CredentialStoreOptions options;
    options.stop = stop;
    options.explicit_credential = credential;
    options.authfile = request.authfile;
    options.default_files = auth::default_auth_files(process_environment);
    return options;
  }

  static auth::AuthenticatorOptions authenticator_options(const CopyRequest& request, const std::string& registry) {
    const auto hosts = request.token_hosts.find(registry);
    return {.registry = registry,
            .token_hosts = hosts == request.token_hosts.end() ? std::set<std::string>() : hosts->second};
  }

  static registry::RegistryOptions registry_options(const CopyRequest& request, const std::string& registry) {
    registry::RegistryOptions options;
    options.registry = registry;
    options.plain_http = is_plain_http(request, registry);
    options.retry = request.retry;
    options.chunk_size = request.upload_chunk_size;
    return options;
  }

  static bool is_plain_http(const CopyRequest& request, const std::string& registry) {
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

std::unique_ptr<RegistrySide> make_side(const CopyRequest& request, const ImageName& name,
                                        const std::optional<auth::Credential>& credential,
                                        const registry::RegistryServices& services, const std::stop_token& stop) {
  if (!name.reference) return nullptr;
  return std::make_unique<RegistrySide>(request, name.reference->registry, credential, services, stop);
}

Result<std::unique_ptr<transport::ImageSource>> open_source(const ImageName& name, RegistrySide* side) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_source(side->client(), *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_source(name);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_source(name);
}

Result<std::unique_ptr<transport::ImageDestination>> open_destination(const ImageName& name, RegistrySide* side,
                                                                      bool create, const Logger& log) {
  switch (name.kind) {
    case TransportKind::kDocker:
      return transport::make_docker_destination(side->client(), *name.reference);
    case TransportKind::kOci:
      return transport::open_layout_destination(name, create, log);
    case TransportKind::kOciArchive:
      break;
  }
  return transport::open_archive_destination(name, create, log);
}

}  // namespace

Result<copy::CopyReport> run_copy_request(const CopyRequest& request, const CopyRunServices& services,
                                          const std::stop_token& stop) {
  http::SharedCaches caches;
  http::HostGovernor governor(services.clock);
  const registry::RegistryServices shared = {
      .governor = governor, .clock = services.clock, .progress = services.progress, .log = services.log};
  const auto source_side = make_side(request, request.source, request.source_credential, shared, stop);
  const auto destination_side = make_side(request, request.destination, request.destination_credential, shared, stop);

  FL_TRY(const auto source, open_source(request.source, source_side.get()));
  FL_TRY(const auto destination,
         open_destination(request.destination, destination_side.get(), !request.options.dry_run, services.log));

  // No more is kept than what the transfers of all jobs hold at one time.
  io::BufferPool buffers({.max_retained_bytes = request.jobs * kChunksPerQueue * request.buffer_size});
  runtime::WorkerPool workers(request.jobs);
  copy::Copier copier(
      {.workers = workers,
       .make_session = [&] { return std::make_unique<http::Session>(request.session, caches, services.log); },
       .buffers = buffers,
       .clock = services.clock,
       .progress = services.progress,
       .retry = request.retry,
       .log = services.log,
       .chunk_size = request.buffer_size,
       .chunks_per_queue = kChunksPerQueue});
  return copier.copy(*source, *destination, request.options, stop);
}

}  // namespace freightliner::cli
