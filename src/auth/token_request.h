#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "freightliner/auth/credential_store.h"
#include "freightliner/auth/token_cache.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/http/session.h"
#include "freightliner/runtime/performance_monitor.h"

namespace freightliner::auth {

/// `Basic …` (RFC 7617). Errors: kAuthentication where the user name can't be
/// sent (a colon, a control character).
Result<std::string> basic_authorization(const Credential& credential);

/// One request for a token.
struct TokenQuery {
  std::string registry;  ///< for messages
  std::string places;    ///< for messages: where credentials are looked for
  http::Url realm;
  std::string service;  ///< empty: not named by the challenge
  std::vector<std::string> scopes;
  std::optional<Credential> credential;
  /// True where the realm is not the registry's own host; then only
  /// `registry_address` may be a local address.
  bool foreign_host = false;
  std::string registry_address;
};

/// What a request for a token works with.
struct TokenServices {
  Clock& clock;
  runtime::PerformanceMonitor& monitor;
  const http::RetryPolicy& retry;
};

/// Fetches a token: GET with Basic or nothing (distribution, "Token
/// Authentication Specification"), or, with an identity token, the OAuth2 POST
/// (RFC 6749, section 6; distribution, "Authenticate via OAuth2"), falling back
/// to GET where that is not served and there is a password. Tries again on
/// temporary faults. Errors: kAuthentication (refused), kTemporary with
/// kTriedEnough, kTls, kProtocol (redirect, no or an unusable token), kCancelled.
Result<Token> request_token(http::Session& session, const TokenQuery& query, const TokenServices& services,
                            const std::stop_token& stop);

/// Reads a token answer that came at `received`: `token` or `access_token`; a
/// life of 60 s where none is given, at least 60 s, at most a day; to be
/// refreshed after nine tenths of it, and 10 s before its end at the latest.
/// Errors: kProtocol.
Result<Token> parse_token(const std::string& body, TimePoint received);

}  // namespace freightliner::auth
