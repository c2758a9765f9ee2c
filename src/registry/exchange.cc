#include "registry/exchange.h"

#include <fmt/format.h>

#include "freightliner/base/random.h"
#include "freightliner/base/text.h"
#include "registry/response_error.h"

namespace freightliner::registry {
namespace {

constexpr int kMaxRedirects = 10;
constexpr int kMaxChallenges = 2;
constexpr int kMaxExpired = 3;
constexpr std::size_t kMaxWarnings = 100;

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_follow(http::Method method, int status) noexcept {
  const bool reads = method == http::Method::kGet || method == http::Method::kHead;
  // 301 to 303 would turn a POST into a GET: nothing that we send means the same then.
  return reads ? is_redirect(status) : status == 307 || status == 308;
}

// A status is an answer, but where it says "not now" or that something broke there.
runtime::PerformanceMonitor::Outcome outcome_of(const Call& call, const http::Response& response) {
  const bool failed = response.status == 429 || response.status >= 500;
  const bool is_list = call.operation == runtime::Operation::kTagList ||
                       call.operation == runtime::Operation::kCatalog ||
                       call.operation == runtime::Operation::kReferrers;
  // Those who read a list know how many names it brought.
  return {.failed = failed, .bytes = call.body.size() + response.body.size(), .items = failed || is_list ? 0U : 1U};
}

}  // namespace

Exchange::Exchange(const RegistryOptions& options, auth::Authenticator& authenticator, RegistryServices services)
    : options_(options),
      authenticator_(authenticator),
      services_(services),
      endpoint_(options.registry, options.plain_http) {}

Result<http::Response> Exchange::send(http::Caller& caller, const Call& call) {
  return send(caller, call, [&](const http::Request& request) { return caller.session.perform(request, caller.stop); });
}

Result<http::Response> Exchange::send(http::Caller& caller, const Call& call, const Attempt& attempt) {
  return send(caller, call, attempt, std::nullopt);
}

std::unique_ptr<AskedAhead> Exchange::ask_ahead(http::Caller& caller, const Call& call) {
  if (endpoint_.may_fall_back() || !services_.governor.is_unrestrained(host())) return nullptr;
  const auto request = prepare(caller, call);
  if (!request) return nullptr;  // send() finds out again, and says so
  auto pending = caller.session.begin(*request);
  if (!pending) return nullptr;
  return std::make_unique<AskedAhead>(AskedAhead{*std::move(pending), services_.clock.now()});
}

Result<http::Response> Exchange::send(http::Caller& caller, const Call& call, std::unique_ptr<AskedAhead> ahead) {
  if (!ahead) return send(caller, call);
  const TimePoint begun = ahead->begun;
  const auto attempt = [&](const http::Request& request) {
    if (const auto asked = std::exchange(ahead, nullptr)) return asked->pending->wait(caller.stop);
    return caller.session.perform(request, caller.stop);
  };
  return send(caller, call, attempt, begun);
}

Result<http::Response> Exchange::send(http::Caller& caller, const Call& call, const Attempt& attempt,
                                      std::optional<TimePoint> begun) {
  std::optional<Error> failure;
  for (int number = 1;; ++number) {
    Result<http::Response> response = attempt_once(caller, call, attempt, std::exchange(begun, std::nullopt));
    if (!response && failure && !response.error().names_cause()) return fail(stopped_before_retry(*failure));
    if (!response && !response.error().retryable()) {
      if (response.error().reason() == ErrorReason::kTriedEnough) services_.governor.gave_up(host());
      return fail(std::move(response).error().with_context(call.what));
    }
    if (response) {
      show_warnings(*response);
      if (response->ok()) return response;
      Error error = error_of(*response, call.what);
      if (expired(*response) && number < kMaxExpired) {
        // A signed URL ran out: the registry gives a fresh one.
        services_.log.info("{}: {}; asking the registry again", call.what, error.message());
        continue;
      }
      // A 5xx with a code that says why is an answer: response_error() has made it something else than temporary.
      if (!error.retryable()) return response;
      response = fail(std::move(error));
    } else {
      response = fail(std::move(response).error().with_context(call.what));
    }
    if (call.favour) return response;
    failure = std::move(response).error();
    FL_CHECK(wait_before_retry(caller, *failure, number));
    const bool may_have = call.has_taken_effect && failure->http_status() != 429;
    if (may_have && call.has_taken_effect(caller)) return fail(*std::move(failure));
  }
}

Status Exchange::wait_before_retry(http::Caller& caller, const Error& error, int attempt) {
  const auto delay = options_.retry.next_delay(attempt, error.retry_after(), random_unit());
  if (!delay) {
    // What this machine lacks says nothing of the host.
    if (error.reason() != ErrorReason::kShortage) services_.governor.gave_up(host());
    return fail(Error(error).with_context(fmt::format("gave up after {} attempt{}", attempt, attempt == 1 ? "" : "s")));
  }
  services_.log.info("{}; trying again in {}", error.describe(), format_duration(*delay));
  services_.progress.retries.fetch_add(1, std::memory_order_relaxed);
  if (error.retry_after() || error.http_status() == 429) {
    services_.governor.pause(host(), *delay);
    return {};
  }
  if (!services_.clock.sleep_for(*delay, caller.stop)) return fail(stopped_before_retry(error));
  return {};
}

Result<http::Response> Exchange::attempt_once(http::Caller& caller, const Call& call, const Attempt& attempt,
                                              std::optional<TimePoint> begun) {
  FL_TRY(http::HostGovernor::Permit permit, services_.governor.enter(host(), caller.stop, begun));
  runtime::OperationTimer timer(services_.monitor, call.operation, begun.value_or(std::chrono::steady_clock::now()));
  Result<http::Response> response = answer(caller, call, attempt, permit);
  response ? timer.finish(outcome_of(call, *response)) : timer.fail(response.error());
  return response;
}

Result<http::Response> Exchange::answer(http::Caller& caller, const Call& call, const Attempt& attempt,
                                        http::HostGovernor::Permit& permit) {
  Result<http::Response> response = authorized(caller, call, attempt);
  // Nothing was sent but a TLS greeting, so no credential was either.
  if (!response && response.error().reason() == ErrorReason::kNotTls && !call.url && endpoint_.fall_back_to_http()) {
    services_.log.debug("{} does not speak TLS: using http on loopback", host());
    response = authorized(caller, call, attempt);
  }
  if (!response) return response;
  permit.answered(response->status);
  if (!is_redirect(response->status)) return response;
  return follow(caller, call, *std::move(response), attempt);
}

void Exchange::greet(http::Caller& caller) {
  if (!endpoint_.may_fall_back()) return;
  const auto url = endpoint_.url("/v2/");
  if (!url || !url->is_https()) return;
  const auto greeted = caller.session.perform({.url = *url, .connect_only = true}, caller.stop);
  if (!greeted && greeted.error().reason() == ErrorReason::kNotTls) endpoint_.fall_back_to_http();
}

Result<http::Request> Exchange::prepare(http::Caller& caller, const Call& call) {
  FL_TRY(const http::Url own, endpoint_.url(call.path));
  http::Request request{.method = call.method,
                        .url = call.url.value_or(own),
                        .headers = call.headers,
                        .body = call.body,
                        .max_response_bytes = call.max_response_bytes,
                        .stop_grace = call.stop_grace,
                        .once = call.has_taken_effect != nullptr};
  if (request.url.origin() != own.origin()) {
    request.refuse_local_addresses = true;
    request.trusted_address = address_.with([](const std::string& address) { return address; });
    return request;
  }
  FL_TRY(const std::optional<std::string> authorization,
         authenticator_.authorization(caller.session, call.access, caller.stop));
  if (authorization) request.headers.add("Authorization", *authorization);
  return request;
}

Result<http::Response> Exchange::authorized(http::Caller& caller, const Call& call, const Attempt& attempt) {
  FL_TRY(http::Request request, prepare(caller, call));
  const bool elsewhere = request.refuse_local_addresses;
  for (int challenges = 0;; ++challenges) {
    FL_TRY(http::Response response, attempt(request));
    if (!elsewhere) remember_address(response);
    if (response.status != 401) return response;
    if (challenges == (elsewhere ? 1 : kMaxChallenges)) return fail(error_of(response, call.what));
    FL_TRY(std::string authorization,
           elsewhere ? authenticator_.answer_elsewhere(caller.session, response, caller.stop)
                     : authenticator_.answer_challenge(caller.session, response, call.access,
                                                       request.headers.find("Authorization"), caller.stop));
    request.headers = call.headers;
    request.headers.add("Authorization", std::move(authorization));
  }
}

Status Exchange::learn_from_refusal(http::Caller& caller, const http::Response& refused, const Call& call,
                                    const http::Request& sent) {
  const auto answer = authenticator_.answer_challenge(caller.session, refused, call.access,
                                                      sent.headers.find("Authorization"), caller.stop);
  if (!answer) return fail(Error(answer.error()).with_context(call.what));
  return {};
}

Result<http::Response> Exchange::follow(http::Caller& caller, const Call& call, http::Response response,
                                        const Attempt& attempt) {
  const http::Origin own = response.url.origin();
  for (int hops = 0; is_redirect(response.status); ++hops) {
    if (!may_follow(call.method, response.status)) return fail(error_of(response, call.what));
    if (hops == kMaxRedirects) {
      return fail(ErrorCode::kProtocol, fmt::format("{}: more than {} redirects", call.what, kMaxRedirects));
    }
    FL_TRY(const http::Url target, resolve_target(response, response.headers.find("Location"), call.what));
    Call next = call;
    next.url = target;
    // prepare() binds the authorization to the registry's own origin; another origin is asked without any, and gets at
    // most a token that anybody can have.
    FL_TRY(response, authorized(caller, next, attempt));
  }
  return response;
}

Result<http::Url> Exchange::resolve_target(const http::Response& response, const std::optional<std::string>& target,
                                           std::string_view what) const {
  if (!target) return fail(ErrorCode::kProtocol, fmt::format("{}: the registry's answer has no Location", what));
  FL_TRY(http::Url url, response.url.resolve(*target));
  if (response.url.is_https() && !url.is_https()) {
    return fail(ErrorCode::kTls, fmt::format("{}: refused to go on from https to {}", what, url.redacted()));
  }
  return url;
}

Result<http::Url> Exchange::saved_target(const std::string& location) const {
  FL_TRY(const http::Url own, endpoint_.url("/v2/"));
  auto url = http::Url::parse(location);
  // The parser's message names the text.
  if (!url) return fail(ErrorCode::kProtocol, "the noted Location is no URL");
  if (own.is_https() && !url->is_https()) {
    return fail(ErrorCode::kTls, "the noted Location is one with http, and the registry speaks https");
  }
  return url;
}

void Exchange::warn_of_journal(const Status& written) {
  if (written || journal_failed_.exchange(true, std::memory_order_relaxed)) return;
  services_.log.warn("{}", written.error().describe());
}

Error Exchange::error_of(const http::Response& response, std::string_view what) const {
  return response_error(response, what, services_.clock.wall_time());
}

Error Exchange::write_error_of(const http::Response& response, std::string_view what) const {
  Error error = error_of(response, what);
  return response.status == 507 ? std::move(error).with_reason(ErrorReason::kRefusesUploads) : error;
}

bool Exchange::expired(const http::Response& response) const {
  const auto own = endpoint_.url("/");
  return response.status == 403 && own && response.url.origin() != own->origin();
}

void Exchange::remember_address(const http::Response& response) {
  if (response.url.is_https()) endpoint_.saw_tls();
  if (response.remote_address.empty()) return;
  address_.with([&](std::string& address) {
    if (address != response.remote_address) address = response.remote_address;
  });
}

// RFC 7234, section 5.5: `299 - "text"`; the distribution spec uses it to announce changes.
void Exchange::show_warnings(const http::Response& response) {
  for (const std::string& value : response.headers.find_all("Warning")) {
    if (!value.starts_with("299")) continue;
    const std::string text = printable(value, 300);
    const bool fresh =
        shown_warnings_.with([&](auto& shown) { return shown.size() < kMaxWarnings && shown.insert(text).second; });
    if (fresh) services_.log.warn("{} says: {}", host(), text);
  }
}

}  // namespace freightliner::registry
