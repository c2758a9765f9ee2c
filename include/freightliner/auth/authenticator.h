#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "freightliner/auth/credential_store.h"
#include "freightliner/auth/token_cache.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/http/session.h"
#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::auth {

/// The access that a request needs: token scopes in order, push scope first ("repository:library/alpine:pull,push").
struct Access {
  std::string repository;  // for the look-up of credentials
  std::vector<std::string> scopes;
};

struct AuthenticatorOptions {
  /// The registry as the user names it: `host[:port]`, `docker.io` for Docker Hub.
  std::string registry;
  /// Hosts (`host[:port]`) besides the registry's own and the built-in pairs (Docker Hub → auth.docker.io, GitLab →
  /// its main host) to which this registry's credentials may go: --token-host REGISTRY=HOST.
  std::set<std::string> token_hosts;
  /// How often a token server is asked again. Whoever needs the token does not try again for its sake.
  http::RetryPolicy retry = {};
};

/// Knows how one registry wants to be authenticated at, for one identity (source and destination have one each, also on
/// one host). No ping: what is needed is learnt from the first 401 and used at once from then on. Safe from any thread;
/// the session given to a call is the calling thread's.
class Authenticator {
 public:
  /// All but the options outlives it.
  Authenticator(AuthenticatorOptions options, CredentialStore& credentials, Clock& clock,
                runtime::PerformanceMonitor& monitor, Logger log);
  ~Authenticator();

  /// The Authorization value to send with the first try; nullopt where nothing was learnt yet or the registry is open.
  /// Fetches or refreshes a token where the kind of challenge is known.
  Result<std::optional<std::string>> authorization(http::Session& session, const Access& access,
                                                   const std::stop_token& stop);

  /// Answers a 401: learns from its challenges, and returns the Authorization value for one more try. `sent` is what
  /// the refused request carried. Errors: kAuthentication — no usable challenge, no or wrong credentials (naming where
  /// they were looked for), a realm on a foreign host (naming --token-host) — or what the token request failed with.
  Result<std::string> answer_challenge(http::Session& session, const http::Response& refused, const Access& access,
                                       const std::optional<std::string>& sent, const std::stop_token& stop);

  /// Answers a 401 of a server that the registry has redirected to, where it asks for a token that anybody can have at
  /// its own token server: returns the Authorization value for one more try there. No credential is looked up, and what
  /// is known of the registry stays as it is. Errors: kAuthentication where something else would be needed.
  Result<std::string> answer_elsewhere(http::Session& session, const http::Response& refused,
                                       const std::stop_token& stop);

  /// An opaque key of the identity used for a repository: equal keys at one registry may mount from each other.
  Result<std::string> identity_key(const std::string& repository);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::auth
