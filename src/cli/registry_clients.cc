#include "cli/registry_clients.h"

#include <utility>

#include "freightliner/auth/authenticator.h"
#include "freightliner/cli/app.h"
#include "freightliner/oci/reference.h"

namespace freightliner::cli {

/// One side's identity at one registry.
class RegistryClients::Identity {
 public:
  Identity(const RunRequest& request, const Side& side, const registry::RegistryServices& services,
           const std::stop_token& stop)
      : credentials_(store_options(request, side.credential, stop), services.log),
        authenticator_(authenticator_options(request, side.registry), credentials_, services.clock, services.monitor,
                       services.log),
        client_(registry_options(request, side), authenticator_, services) {}

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

  static registry::RegistryOptions registry_options(const RunRequest& request, const Side& side) {
    registry::RegistryOptions options;
    options.registry = side.registry;
    options.plain_http = is_plain_http(request, side.registry);
    options.retry = request.retry;
    options.chunk_size = request.upload_chunk_size;
    options.refused_is_absent = side.refused == Refused::kIsAbsent;
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

RegistryClients::RegistryClients(const RunRequest& request, const std::optional<auth::Credential>& credential,
                                 const registry::RegistryServices& services, std::stop_token stop)
    : request_(request), credential_(credential), services_(services), stop_(std::move(stop)) {}
RegistryClients::~RegistryClients() = default;

registry::RegistryClient& RegistryClients::of(const std::string& registry, Refused refused) {
  const std::lock_guard lock(mutex_);
  auto& identity = identities_[{registry, refused}];
  if (!identity) {
    const Side side{.registry = registry, .credential = credential_, .refused = refused};
    identity = std::make_unique<Identity>(request_, side, services_, stop_);
  }
  return identity->client();
}

}  // namespace freightliner::cli
