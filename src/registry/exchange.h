#pragma once

#include <atomic>
#include <functional>
#include <set>
#include <string>

#include "freightliner/base/guarded.h"
#include "freightliner/registry/registry_client.h"
#include "registry/endpoint.h"

namespace freightliner::registry {

/// A request to the registry, before it is known under which scheme and with which authorization it goes out.
struct Call {
  http::Method method = http::Method::kGet;
  /// What it is measured as where send() sends it.
  runtime::Operation operation = runtime::Operation::kHead;
  std::string path = {};                        // "/v2/…"
  std::optional<http::Url> url = std::nullopt;  // instead of `path`: a Location or Link
  http::Headers headers = {};
  std::string body = {};
  std::uint64_t max_response_bytes = http::kMaxSmallBodyBytes;
  auth::Access access = {};
  /// Asked before the request is sent again, where the first one may have had its effect (no answer, or a 5xx): where
  /// it says so, send() ends with the failure, and whoever sends knows better.
  std::function<bool(http::Caller&)> has_taken_effect = {};
  /// A favour is asked once: what it fails with is not worth a wait.
  bool favour = false;
  /// See http::Request.
  Duration stop_grace{0};
  /// What is being done, for errors: "GET manifest library/alpine:latest".
  std::string what = {};
};

/// Sends calls: waits for the host's pause, authorizes, follows redirects with the authorization bound to its origin,
/// tries again what may be tried again. Safe from any thread.
class Exchange {
 public:
  /// Performs one request; what it returns for a stream is the head.
  using Attempt = std::function<Result<http::Response>(const http::Request&)>;

  Exchange(const RegistryOptions& options, auth::Authenticator& authenticator, RegistryServices services);

  /// Returns the final answer, whatever its status, but for 401 that can't be helped, 429 and passing 5xx, which are
  /// errors when all attempts are used up.
  Result<http::Response> send(http::Caller& caller, const Call& call);
  Result<http::Response> send(http::Caller& caller, const Call& call, const Attempt& attempt);
  /// Lets the first attempt at a call go out before its answer is wanted, with what is known of the registry by now;
  /// nullptr where it has to be asked with more care (HostGovernor::is_unrestrained(), a scheme not known yet).
  std::unique_ptr<AskedAhead> ask_ahead(http::Caller& caller, const Call& call);
  /// send() for the same call; `ahead` may be nullptr.
  Result<http::Response> send(http::Caller& caller, const Call& call, std::unique_ptr<AskedAhead> ahead);

  /// Finds out whether a registry on loopback speaks TLS, where that is open, without sending it a request: so that
  /// this need not be found out when it is first asked. What fails here fails again, and is told, when it is asked.
  void greet(http::Caller& caller);

  /// A request for a URL that the registry named, with the authorization only where it is the registry's own origin.
  /// For bodies that stream, which are not sent through send().
  Result<http::Request> prepare(http::Caller& caller, const Call& call);
  /// Learns from a 401 to a streaming request, so that the next try carries a fresh token. Errors: kAuthentication
  /// where there is nothing to learn.
  Status learn_from_refusal(http::Caller& caller, const http::Response& refused, const Call& call,
                            const http::Request& sent);
  /// Shows a registry's `Warning: 299` once per text.
  void show_warnings(const http::Response& response);

  /// Warns of a journal of uploads that could not be written, once: it costs the next run bandwidth, and this one
  /// nothing.
  void warn_of_journal(const Status& written);

  Error error_of(const http::Response& response, std::string_view what) const;
  /// The same for what was to be written, where the repository may be full (507: kRefusesUploads).
  Error write_error_of(const http::Response& response, std::string_view what) const;
  /// True where another host that the registry named refused what the registry had allowed: a signed URL that ran out.
  bool expired(const http::Response& response) const;
  /// Resolves a Location or Link of an answer. Errors: kProtocol for a missing one, kTls for a downgrade to http.
  Result<http::Url> resolve_target(const http::Response& response, const std::optional<std::string>& target,
                                   std::string_view what) const;

  /// A Location that was noted by an earlier run, bound by the rules for a fresh one. Errors: kProtocol, kTls for one
  /// with http where the registry is reached by https.
  Result<http::Url> saved_target(const std::string& location) const;

  const RegistryServices& services() const noexcept { return services_; }
  const http::RetryPolicy& retry() const noexcept { return options_.retry; }
  bool refused_is_absent() const noexcept { return options_.refused_is_absent; }
  /// The registry as the user knows it; what its requests share goes by this name.
  const std::string& host() const noexcept { return options_.registry; }

 private:
  Result<http::Response> send(http::Caller& caller, const Call& call, const Attempt& attempt,
                              std::optional<TimePoint> begun);
  /// `begun`: when the attempt went out, where it did before.
  Result<http::Response> attempt_once(http::Caller& caller, const Call& call, const Attempt& attempt,
                                      std::optional<TimePoint> begun);
  Result<http::Response> answer(http::Caller& caller, const Call& call, const Attempt& attempt,
                                http::HostGovernor::Permit& permit);
  Result<http::Response> follow(http::Caller& caller, const Call& call, http::Response response,
                                const Attempt& attempt);
  Result<http::Response> authorized(http::Caller& caller, const Call& call, const Attempt& attempt);
  Status wait_before_retry(http::Caller& caller, const Error& error, int attempt);
  void remember_address(const http::Response& response);

  RegistryOptions options_;
  auth::Authenticator& authenticator_;
  RegistryServices services_;
  Endpoint endpoint_;
  Guarded<std::set<std::string>> shown_warnings_;
  Guarded<std::string> address_;  // of the registry, as last seen
  std::atomic<bool> journal_failed_{false};
};

}  // namespace freightliner::registry
