#include "auth/realm.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "freightliner/base/text.h"
#include "freightliner/http/tls_options.h"
#include "freightliner/oci/reference.h"

namespace freightliner::auth {
namespace {

constexpr std::string_view kDockerHubApi = "registry-1.docker.io";

struct Pair {
  std::string_view registry_host;
  std::string_view realm_host;
};
constexpr std::array<Pair, 2> kBuiltInPairs = {
    {{kDockerHubApi, "auth.docker.io"}, {"registry.gitlab.com", "gitlab.com"}}};

int default_port(const http::Origin& origin) noexcept {
  return origin.scheme == "https" ? 443 : 80;
}

bool is_built_in(const http::Origin& registry, const http::Origin& realm) noexcept {
  for (const Pair& pair : kBuiltInPairs) {
    if (registry.host == pair.registry_host && registry.port == 443 && realm.host == pair.realm_host &&
        realm.port == 443 && realm.scheme == "https") {
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_registry_origin(const RegistryIdentity& registry) {
  if (registry.name == "docker.io") return registry.origin.host == kDockerHubApi && registry.origin.port == 443;
  const auto expected = oci::parse_host_port(registry.name);
  if (!expected) return false;
  const int port = expected->port != 0 ? expected->port : default_port(registry.origin);
  return to_lower(expected->host) == registry.origin.host && port == registry.origin.port;
}

std::string realm_advice(const RegistryIdentity& registry, const http::Origin& realm) {
  if (realm.is_local_address() && realm.host != registry.address) {
    return "; that is an address of this machine or its network, which only a registry at the same address may name";
  }
  const bool v6 = realm.host.find(':') != std::string::npos;
  std::string host = v6 ? '[' + realm.host + ']' : realm.host;
  if (realm.port != default_port(realm)) host += fmt::format(":{}", realm.port);
  return fmt::format("; if that is right, allow it with --token-host {}={}", printable(registry.name, 256),
                     printable(host, 256));
}

Result<RealmTrust> judge_realm(const http::Url& realm, const RegistryIdentity& registry,
                               const std::set<std::string>& token_hosts) {
  const bool own_host = realm.origin().host == registry.origin.host;
  const bool allowed = http::names_origin(token_hosts, realm.origin());
  const bool registry_has_tls = registry.origin.scheme == "https";
  if (!realm.is_https() && (registry_has_tls || !(own_host || allowed))) {
    const std::string advice = registry_has_tls ? "" : realm_advice(registry, realm.origin());
    return fail(ErrorCode::kProtocol,
                fmt::format("{} names a token server without TLS, {}: refused, "
                            "nothing was sent there{}",
                            printable(registry.name, 256), printable(realm.origin().to_string(), 256), advice));
  }
  return own_host || allowed || is_built_in(registry.origin, realm.origin()) ? RealmTrust::kCredentials
                                                                             : RealmTrust::kAnonymousOnly;
}

}  // namespace freightliner::auth
