#include "auth/token_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "auth/base64.h"
#include "auth/scopes.h"
#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/http/retry_policy.h"
#include "freightliner/oci/json.h"

namespace freightliner::auth {
namespace {

constexpr std::size_t kMaxTokenBytes = 64 * kKiB;
// A token of the greatest length with what stands around it.
constexpr std::size_t kMaxAnswerBytes = 160 * kKiB;

bool is_control(unsigned char c) noexcept {
  return c < 0x20 || c == 0x7F;
}

std::string token_server(const TokenQuery& query) {
  return printable(query.realm.origin().to_string(), 256);
}

// What the server says is left out on purpose: it knows the secret and could
// send it back into a log.
Error refused(const TokenQuery& query, int status) {
  const std::string registry = printable(query.registry, 256);
  std::string text;
  if (!query.credential) {
    text = fmt::format(
        "the token server {} of {} refuses anonymous access "
        "(HTTP {}), and there are no credentials for {} in {}",
        token_server(query), registry, status, registry, query.places);
  } else {
    const Credential& credential = *query.credential;
    const std::string who = credential.username.empty() ? "with the identity token"
                                                        : fmt::format("as \"{}\"", printable(credential.username, 128));
    text = fmt::format(
        "the token server {} of {} refused the login {} (HTTP "
        "{}): check the credentials {}",
        token_server(query), registry, who, status,
        credential.source.empty() ? "that were given" : "from " + credential.source);
  }
  return Error(ErrorCode::kAuthentication, std::move(text)).with_http_status(status);
}

// The error that a status other than 2xx is.
Error status_error(const TokenQuery& query, const http::Response& response, bool oauth2, Clock& clock) {
  const int status = response.status;
  // RFC 6749, section 5.2: a refresh token that is not valid any more is
  // answered with 400.
  if (status == 401 || status == 403 || (oauth2 && status == 400)) return refused(query, status);
  if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505)) {
    Error error =
        Error(ErrorCode::kTemporary, fmt::format("the token server {} answered HTTP {}", token_server(query), status))
            .with_http_status(status);
    const auto header = response.headers.find("retry-after");
    const auto pause = header ? http::parse_retry_after(*header, clock.wall_time()) : std::nullopt;
    return pause ? std::move(error).with_retry_after(*pause) : error;
  }
  const std::string_view reason =
      status >= 300 && status < 400 ? "a redirect, which is not followed with credentials" : "no token";
  return Error(ErrorCode::kProtocol,
               fmt::format("the token server {} answered HTTP {}: {}", token_server(query), status, reason))
      .with_http_status(status);
}

http::Request base_request(const TokenQuery& query, http::Method method) {
  http::Request request{.method = method, .url = query.realm};
  request.headers.add("Accept", "application/json");
  request.max_response_bytes = kMaxAnswerBytes;
  request.refuse_local_addresses = query.foreign_host;
  if (query.foreign_host) request.trusted_address = query.registry_address;
  return request;
}

Result<http::Request> get_request(const TokenQuery& query) {
  http::Request request = base_request(query, http::Method::kGet);
  if (!query.service.empty()) request.url = request.url.with_query("service", query.service);
  for (const std::string& scope : query.scopes) request.url = request.url.with_query("scope", scope);
  if (query.credential) {
    FL_TRY(std::string authorization, basic_authorization(*query.credential));
    request.headers.add("Authorization", std::move(authorization));
    request.url = request.url.with_query("account", query.credential->username);
  }
  return request;
}

http::Request post_request(const TokenQuery& query) {
  http::Request request = base_request(query, http::Method::kPost);
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  request.body = "grant_type=refresh_token&client_id=freightliner";
  const auto add = [&](std::string_view name, std::string_view value) {
    request.body += fmt::format("&{}={}", name, http::percent_encode(value));
  };
  if (!query.service.empty()) add("service", query.service);
  if (!query.scopes.empty()) add("scope", join_scopes(query.scopes));
  add("refresh_token", query.credential->identity_token);
  return request;
}

double jitter() {
  std::random_device device;
  return std::uniform_real_distribution<double>(0.0, 1.0)(device);
}

// Any answer but a temporary one, which is tried again here: those who wait for
// the token share the attempts.
Result<http::Response> exchange(http::Session& session, const TokenQuery& query, const http::Request& request,
                                const TokenServices& services, const std::stop_token& stop) {
  Clock& clock = services.clock;
  for (int attempt = 1;; ++attempt) {
    runtime::OperationTimer timer(services.monitor, runtime::Operation::kToken);
    auto response = session.perform(request, stop);
    if (!response) {
      timer.fail(response.error());
    } else {
      const bool ok = response->ok();
      timer.finish({.failed = !ok, .bytes = request.body.size() + response->body.size(), .items = ok ? 1U : 0U});
    }
    if (response && response->ok()) return response;
    Error error = response ? status_error(query, *response, false, clock) : response.error();
    if (!error.retryable()) {
      if (response) return response;
      return fail(std::move(error).with_context("token server " + token_server(query)));
    }
    const auto delay = services.retry.next_delay(attempt, error.retry_after(), jitter());
    if (!delay) {
      return fail(std::move(error)
                      .with_reason(ErrorReason::kTriedEnough)
                      .with_context("cannot log in to " + printable(query.registry, 256)));
    }
    if (!clock.sleep_for(*delay, stop)) {
      return fail(stopped_before_retry(std::move(error).with_context("token server " + token_server(query))));
    }
  }
}

}  // namespace

Result<std::string> basic_authorization(const Credential& credential) {
  const bool colon = credential.username.find(':') != std::string::npos;
  if (colon || std::ranges::any_of(credential.username, is_control)) {
    return fail(ErrorCode::kAuthentication,
                fmt::format("the user name \"{}\" holds {}, which Basic "
                            "authentication can't send",
                            printable(credential.username, 128), colon ? "a colon" : "a control character"));
  }
  return "Basic " + base64_encode(credential.username + ':' + credential.password);
}

Result<Token> parse_token(const std::string& body, TimePoint received) {
  // The parser's message may quote the token.
  const auto json = oci::parse_json(body, "token answer", {kMaxAnswerBytes, 16});
  if (!json || !json->is_object()) {
    return fail(ErrorCode::kProtocol, "the answer of the token server is not a JSON object");
  }
  Token token;
  for (const char* name : {"token", "access_token"}) {
    const auto it = json->find(name);
    if (it == json->end() || it->is_null()) continue;
    if (!it->is_string())
      return fail(ErrorCode::kProtocol, fmt::format("the token server's \"{}\" is not a text", name));
    if (token.value.empty()) token.value = it->get<std::string>();
  }
  if (token.value.empty()) return fail(ErrorCode::kProtocol, "the answer of the token server holds no token");
  if (token.value.size() > kMaxTokenBytes) {
    return fail(ErrorCode::kProtocol,
                fmt::format("the token server's token is longer than {}", format_bytes(kMaxTokenBytes)));
  }
  // It becomes a header's value.
  if (std::ranges::any_of(token.value, [](unsigned char c) { return c <= 0x20 || c >= 0x7F; })) {
    return fail(ErrorCode::kProtocol, "the token server's token holds characters that no token may have");
  }
  double seconds = 60;
  if (const auto it = json->find("expires_in"); it != json->end() && it->is_number()) {
    seconds = std::clamp(it->get<double>(), 60.0, 86'400.0);
  }
  const double fresh = std::min(seconds * 0.9, seconds - 10);
  token.refresh_after = received + Duration(static_cast<Duration::rep>(fresh * 1000));
  return token;
}

Result<Token> request_token(http::Session& session, const TokenQuery& query, const TokenServices& services,
                            const std::stop_token& stop) {
  const bool oauth2 = query.credential && !query.credential->identity_token.empty();
  bool posted = oauth2;
  std::optional<http::Response> response;
  if (oauth2) {
    FL_TRY(response, exchange(session, query, post_request(query), services, stop));
    const bool not_served = response->status == 404 || response->status == 405;
    if (not_served && !query.credential->username.empty() && !query.credential->password.empty()) posted = false;
  }
  if (!posted) {
    FL_TRY(const http::Request request, get_request(query));
    FL_TRY(response, exchange(session, query, request, services, stop));
  }
  if (!response->ok()) return fail(status_error(query, *response, posted, services.clock));
  auto token = parse_token(response->body, services.clock.now());
  if (!token) return fail(std::move(token.error()).with_context(token_server(query)));
  return token;
}

}  // namespace freightliner::auth
