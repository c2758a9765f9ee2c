#pragma once

#include <set>
#include <string>

#include "freightliner/base/result.h"
#include "freightliner/http/url.h"

namespace freightliner::auth {

/// What a token realm may be sent (CVE-2026-33540 and its kin: a registry names
/// the host that gets the password).
enum class RealmTrust { kCredentials, kAnonymousOnly };

/// Who asks: the registry as the user names it, and where it was reached.
struct RegistryIdentity {
  std::string name;
  http::Origin origin;
  std::string address = {};  // numeric, that was contacted
};

/// True where `origin` is the registry itself: the host and port that its name
/// says, registry-1.docker.io for Docker Hub.
bool is_registry_origin(const RegistryIdentity& registry);

/// What the user can do about a realm that is not trusted, as the end of a message: the flag that allows its host
/// ("--token-host registry=host[:port]"), or, for an address of this machine that is not the registry's own, nothing.
std::string realm_advice(const RegistryIdentity& registry, const http::Origin& realm);

/// Judges a realm: credentials may go to the registry's own host (any port),
/// the built-in pairs (Docker Hub, GitLab) and `token_hosts`. Errors: kProtocol
/// for a realm in plain http, unless the registry is plain http as well and the
/// realm is its own host or in `token_hosts`.
Result<RealmTrust> judge_realm(const http::Url& realm, const RegistryIdentity& registry,
                               const std::set<std::string>& token_hosts);

}  // namespace freightliner::auth
