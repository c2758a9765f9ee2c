#include "freightliner/auth/authenticator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "auth/auth_file.h"
#include "auth/realm.h"
#include "auth/scopes.h"
#include "auth/token_request.h"
#include "freightliner/auth/challenge.h"
#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/hasher.h"

namespace freightliner::auth {
namespace {

constexpr std::size_t kMaxWidened = 4096;
constexpr std::string_view kBasicPrefix = "Basic ";
constexpr std::string_view kBearerPrefix = "Bearer ";

// What a 401 taught: where tokens are to be had, or, without a realm, that the
// registry takes Basic.
struct Lesson {
  RegistryIdentity registry;
  std::optional<http::Url> realm;
  std::string service;
  bool elsewhere = false;  // a server that the registry has redirected to
};

std::string parameter(const Challenge& challenge, const std::string& name) {
  const auto it = challenge.parameters.find(name);
  return it != challenge.parameters.end() ? it->second : std::string();
}

// Equal for the same secrets wherever they were found; says nothing about them.
std::string identity_of(const std::optional<Credential>& credential) {
  if (!credential) return "anonymous";
  std::string secret;
  for (const std::string* part : {&credential->username, &credential->password, &credential->identity_token}) {
    secret += fmt::format("{}:{}", part->size(), *part);
  }
  return fmt::format("user:{}:{}", credential->username, io::digest_of(secret).to_string());
}

}  // namespace

class Authenticator::Impl {
 public:
  Impl(AuthenticatorOptions options, CredentialStore& credentials, Clock& clock, runtime::PerformanceMonitor& monitor,
       Logger log)
      : options_(std::move(options)),
        credentials_(credentials),
        clock_(clock),
        monitor_(monitor),
        log_(log),
        tokens_(clock) {
    options_.registry = normalized_registry(options_.registry);
  }

  Result<std::optional<std::string>> authorization(http::Session& session, const Access& access,
                                                   const std::stop_token& stop) {
    const std::optional<Lesson> lesson = lesson_.with([](const auto& value) { return value; });
    if (!lesson) return std::optional<std::string>();
    FL_TRY(const std::optional<Credential> credential, credentials_.find(options_.registry, access.repository));
    if (lesson->realm) {
      FL_TRY(std::string value, bearer(session, *lesson, credential, access, stop));
      return std::optional(std::move(value));
    }
    if (!credential || credential->username.empty()) return std::optional<std::string>();
    FL_TRY(std::string value, basic_authorization(*credential));
    return std::optional(std::move(value));
  }

  Result<std::string> answer_challenge(http::Session& session, const http::Response& refused, const Access& access,
                                       const std::optional<std::string>& sent, const std::stop_token& stop) {
    Lesson lesson{{options_.registry, refused.url.origin(), refused.remote_address}, std::nullopt, {}};
    if (!is_registry_origin(lesson.registry)) {
      return fail(not_sent_there(refused.url.origin()));
    }
    FL_TRY(const std::optional<Credential> credential, credentials_.find(options_.registry, access.repository));
    const std::vector<Challenge> challenges = parse_challenges(refused.headers.find_all("www-authenticate"));

    std::optional<Error> unusable;
    for (const Challenge& challenge : challenges) {
      if (challenge.scheme != "bearer" || parameter(challenge, "realm").empty()) continue;
      const Status usable = read_bearer(challenge, credential, lesson);
      if (usable) return answer_bearer(session, lesson, credential, {access, challenge, sent}, stop);
      if (!unusable) unusable = usable.error();
    }
    const bool basic = std::ranges::any_of(challenges, [](const Challenge& c) { return c.scheme == "basic"; });
    // A realm that can't be used is the better story, unless the password would
    // have gone to the registry anyway.
    if (unusable && (!basic || !credential)) return fail(*std::move(unusable));
    if (basic) return answer_basic(std::move(lesson), credential, sent);
    return fail(no_usable_challenge(challenges, credential));
  }

  Result<std::string> answer_elsewhere(http::Session& session, const http::Response& refused,
                                       const std::stop_token& stop) {
    const http::Origin& origin = refused.url.origin();
    Lesson lesson{{origin.to_string(), origin, refused.remote_address}, std::nullopt, {}};
    for (const Challenge& challenge : parse_challenges(refused.headers.find_all("www-authenticate"))) {
      if (challenge.scheme != "bearer" || parameter(challenge, "realm").empty()) continue;
      // A token server that is not its own could know us, and the token would then go to somebody else.
      const auto realm = http::Url::parse(parameter(challenge, "realm"));
      if (!realm) continue;
      const auto trust = judge_realm(*realm, lesson.registry, {});
      if (!trust || *trust != RealmTrust::kCredentials) continue;
      lesson.realm = *realm;
      lesson.service = parameter(challenge, "service");
      lesson.elsewhere = true;
      return token_for(session, lesson, std::nullopt, merge_scopes({}, parameter(challenge, "scope")), stop);
    }
    return fail(not_sent_there(origin));
  }

  Result<std::string> identity_key(const std::string& repository) {
    FL_TRY(const std::optional<Credential> credential, credentials_.find(options_.registry, repository));
    return identity_of(credential);
  }

 private:
  struct Refusal {
    const Access& access;
    const Challenge& challenge;
    const std::optional<std::string>& sent;
  };

  std::string registry() const { return printable(options_.registry, 256); }
  static Error error(std::string text) {
    return Error(ErrorCode::kAuthentication, std::move(text)).with_http_status(401);
  }

  Error not_sent_there(const http::Origin& origin) const {
    return error(fmt::format("{} asks for a login; credentials for {} are not sent there",
                             printable(origin.to_string(), 256), registry()));
  }

  // Fills in realm and service, if the realm may be asked by this identity.
  Status read_bearer(const Challenge& challenge, const std::optional<Credential>& credential, Lesson& lesson) const {
    auto realm = http::Url::parse(parameter(challenge, "realm"));
    if (!realm) return fail(std::move(realm.error()).with_context(registry() + " names a token server"));
    FL_CHECK(check_trust(*realm, lesson.registry, credential));
    lesson.realm = *std::move(realm);
    lesson.service = parameter(challenge, "service");
    return {};
  }

  // Credentials differ by repository, so this is asked again whenever a token
  // is.
  Status check_trust(const http::Url& realm, const RegistryIdentity& identity,
                     const std::optional<Credential>& credential) const {
    FL_TRY(const RealmTrust trust, judge_realm(realm, identity, options_.token_hosts));
    if (trust == RealmTrust::kCredentials || !credential) return {};
    return fail(error(
        fmt::format("{} sends its logins to another host, {}, which was not "
                    "given the credentials{}",
                    registry(), printable(realm.origin().to_string(), 256), realm_advice(identity, realm.origin()))));
  }

  Result<std::string> answer_bearer(http::Session& session, const Lesson& lesson,
                                    const std::optional<Credential>& credential, const Refusal& refusal,
                                    const std::stop_token& stop) {
    lesson_.with([&](std::optional<Lesson>& value) { value = lesson; });
    if (refusal.sent && refusal.sent->starts_with(kBearerPrefix)) {
      const auto scopes = scopes_for(refusal.access);
      tokens_.invalidate(cache_key(lesson, credential, scopes), refusal.sent->substr(kBearerPrefix.size()));
      if (parameter(refusal.challenge, "error") == "insufficient_scope") {
        widen(refusal.access, merge_scopes(scopes, parameter(refusal.challenge, "scope")));
      }
    }
    return bearer(session, lesson, credential, refusal.access, stop);
  }

  Result<std::string> answer_basic(Lesson lesson, const std::optional<Credential>& credential,
                                   const std::optional<std::string>& sent) {
    if (!credential) {
      return fail(
          error(fmt::format("{} asks for a user name and password, and "
                            "there are none for it in {}",
                            registry(), credentials_.places())));
    }
    if (credential->username.empty()) {
      return fail(
          error(fmt::format("{} asks for a user name and password, and {} holds only an identity "
                            "token",
                            registry(), credential->source.empty() ? "what was given" : credential->source)));
    }
    if (sent && sent->starts_with(kBasicPrefix)) {
      return fail(error(fmt::format("{} refused the login as \"{}\": check the credentials {}", registry(),
                                    printable(credential->username, 128),
                                    credential->source.empty() ? "that were given" : "from " + credential->source)));
    }
    FL_TRY(std::string value, basic_authorization(*credential));
    lesson.realm.reset();
    lesson_.with([&](std::optional<Lesson>& current) { current = std::move(lesson); });
    return value;
  }

  Error no_usable_challenge(const std::vector<Challenge>& challenges,
                            const std::optional<Credential>& credential) const {
    std::string schemes;
    for (const Challenge& challenge : challenges) {
      if (!schemes.empty()) schemes += ", ";
      schemes += printable(challenge.scheme, 32);
    }
    const std::string what = schemes.empty() ? "without saying how to log in (no challenge)"
                                             : fmt::format("and offers no login that we know ({})", schemes);
    const std::string who =
        credential ? "" : fmt::format("; there are no credentials for it in {}", credentials_.places());
    return error(fmt::format("{} answered HTTP 401 {}{}", registry(), what, who));
  }

  Result<std::string> bearer(http::Session& session, const Lesson& lesson, const std::optional<Credential>& credential,
                             const Access& access, const std::stop_token& stop) {
    FL_CHECK(check_trust(*lesson.realm, lesson.registry, credential));
    return token_for(session, lesson, credential, scopes_for(access), stop);
  }

  Result<std::string> token_for(http::Session& session, const Lesson& lesson,
                                const std::optional<Credential>& credential, const std::vector<std::string>& scopes,
                                const std::stop_token& stop) {
    FL_TRY(const Token token, tokens_.get(cache_key(lesson, credential, scopes), stop, [&] {
      log_.debug("asking {} for a token: {}", printable(lesson.realm->redacted(), 256),
                 printable(join_scopes(scopes), 512));
      // The name of a server elsewhere was given by somebody else, and may lead to another address by now.
      const bool foreign = lesson.elsewhere || lesson.realm->origin().host != lesson.registry.origin.host;
      const TokenQuery query{
          lesson.registry.name,   credentials_.places(), *lesson.realm, lesson.service, scopes, credential, foreign,
          lesson.registry.address};
      return request_token(session, query, {clock_, monitor_, options_.retry}, stop);
    }));
    return std::string(kBearerPrefix) + token.value;
  }

  static std::string cache_key(const Lesson& lesson, const std::optional<Credential>& credential,
                               const std::vector<std::string>& scopes) {
    return fmt::format("{}\n{}\n{}\n{}\n{}", lesson.registry.origin.to_string(), lesson.realm->to_string(),
                       lesson.service, identity_of(credential), join_scopes(scopes));
  }

  std::vector<std::string> scopes_for(const Access& access) {
    return widened_.with([&](const auto& widened) {
      const auto it = widened.find(join_scopes(access.scopes));
      return it != widened.end() ? it->second : access.scopes;
    });
  }

  void widen(const Access& access, std::vector<std::string> scopes) {
    widened_.with([&](auto& widened) {
      if (widened.size() >= kMaxWidened) widened.clear();
      widened.insert_or_assign(join_scopes(access.scopes), std::move(scopes));
    });
  }

  AuthenticatorOptions options_;
  CredentialStore& credentials_;
  Clock& clock_;
  runtime::PerformanceMonitor& monitor_;
  const Logger log_;
  TokenCache tokens_;
  Guarded<std::optional<Lesson>> lesson_;
  Guarded<std::map<std::string, std::vector<std::string>>> widened_;  // by the scopes that were not enough
};

Authenticator::Authenticator(AuthenticatorOptions options, CredentialStore& credentials, Clock& clock,
                             runtime::PerformanceMonitor& monitor, Logger log)
    : impl_(std::make_unique<Impl>(std::move(options), credentials, clock, monitor, log)) {}
Authenticator::~Authenticator() = default;

Result<std::optional<std::string>> Authenticator::authorization(http::Session& session, const Access& access,
                                                                const std::stop_token& stop) {
  return impl_->authorization(session, access, stop);
}

Result<std::string> Authenticator::answer_challenge(http::Session& session, const http::Response& refused,
                                                    const Access& access, const std::optional<std::string>& sent,
                                                    const std::stop_token& stop) {
  return impl_->answer_challenge(session, refused, access, sent, stop);
}

Result<std::string> Authenticator::answer_elsewhere(http::Session& session, const http::Response& refused,
                                                    const std::stop_token& stop) {
  return impl_->answer_elsewhere(session, refused, stop);
}

Result<std::string> Authenticator::identity_key(const std::string& repository) {
  return impl_->identity_key(repository);
}

}  // namespace freightliner::auth
