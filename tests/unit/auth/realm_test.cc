#include "auth/realm.h"

#include <gtest/gtest.h>

#include <string>

namespace freightliner::auth {
namespace {

RegistryIdentity registry(const std::string& name, const std::string& url) {
  return {name, http::Url::parse(url)->origin()};
}

TEST(IsRegistryOrigin, Table) {
  struct Case {
    const char* name;
    const char* url;
    bool expected;
  };
  const Case cases[] = {
      {"docker.io", "https://registry-1.docker.io/v2/", true},
      {"docker.io", "https://registry-1.docker.io.evil.example/v2/", false},
      {"docker.io", "http://registry-1.docker.io/v2/", false},
      {"docker.io", "https://docker.io/v2/", false},
      {"reg.example", "https://reg.example/v2/", true},
      {"reg.example", "https://reg.example:443/v2/", true},
      {"reg.example", "http://reg.example/v2/", true},
      {"reg.example", "https://reg.example:5000/v2/", false},
      {"reg.example:5000", "https://reg.example:5000/v2/", true},
      {"reg.example:5000", "https://reg.example/v2/", false},
      {"reg.example", "https://cdn.reg.example/v2/", false},
      {"reg.example", "https://reg.example.evil/v2/", false},
      {"[::1]:5000", "http://[::1]:5000/v2/", true},
  };
  for (const Case& item : cases) {
    EXPECT_EQ(is_registry_origin(registry(item.name, item.url)), item.expected) << item.name << ' ' << item.url;
  }
}

TEST(JudgeRealm, Table) {
  enum Verdict { kAll, kAnonymous, kRefused };
  struct Case {
    RegistryIdentity from;
    const char* realm;
    std::set<std::string> allowed;
    Verdict expected;
  };
  const RegistryIdentity tls = registry("reg.example", "https://reg.example/v2/");
  const RegistryIdentity hub = registry("docker.io", "https://registry-1.docker.io/v2/");
  const RegistryIdentity gitlab = registry("registry.gitlab.com", "https://registry.gitlab.com/v2/");
  const RegistryIdentity plain = registry("127.0.0.1:5000", "http://127.0.0.1:5000/v2/");
  const Case cases[] = {
      {tls, "https://reg.example/token", {}, kAll},
      {tls, "https://reg.example:8443/token", {}, kAll},
      {tls, "https://REG.example/token", {}, kAll},
      {tls, "https://auth.example/token", {}, kAnonymous},
      {tls, "https://reg.example.evil/token", {}, kAnonymous},
      {tls, "https://auth.example/token", {"auth.example"}, kAll},
      {tls, "https://auth.example/token", {"auth.example:443"}, kAll},
      {tls, "https://auth.example:8443/token", {"auth.example:443"}, kAnonymous},
      {tls, "https://evil.auth.example/token", {"auth.example"}, kAnonymous},
      {tls, "http://reg.example/token", {}, kRefused},
      {tls, "http://auth.example/token", {"auth.example"}, kRefused},
      {hub, "https://auth.docker.io/token", {}, kAll},
      {hub, "https://auth.docker.io:8443/token", {}, kAnonymous},
      {hub, "https://auth.docker.io.evil/token", {}, kAnonymous},
      {hub, "http://auth.docker.io/token", {}, kRefused},
      {hub, "https://gitlab.com/jwt/auth", {}, kAnonymous},
      {tls, "https://auth.docker.io/token", {}, kAnonymous},
      {gitlab, "https://gitlab.com/jwt/auth", {}, kAll},
      {plain, "http://127.0.0.1:5001/token", {}, kAll},
      {plain, "http://127.0.0.2:5001/token", {}, kRefused},
      {plain, "http://127.0.0.2:5001/token", {"127.0.0.2:5001"}, kAll},
      {plain, "https://auth.example/token", {}, kAnonymous},
  };
  for (const Case& item : cases) {
    const auto verdict = judge_realm(*http::Url::parse(item.realm), item.from, item.allowed);
    if (item.expected == kRefused) {
      ASSERT_FALSE(verdict) << item.realm;
      EXPECT_EQ(verdict.error().code(), ErrorCode::kProtocol);
      EXPECT_NE(verdict.error().message().find("without TLS"), std::string::npos);
    } else {
      ASSERT_TRUE(verdict) << item.from.name << ' ' << item.realm;
      EXPECT_EQ(*verdict, item.expected == kAll ? RealmTrust::kCredentials : RealmTrust::kAnonymousOnly)
          << item.from.name << ' ' << item.realm;
    }
  }
}

TEST(RealmAdvice, NamesThePortWhereItIsNotTheUsualOne) {
  const RegistryIdentity from = registry("reg.example:5000", "https://reg.example:5000/v2/");
  const std::string allow = "; if that is right, allow it with --token-host reg.example:5000=";
  EXPECT_EQ(realm_advice(from, http::Url::parse("https://a.example/t")->origin()), allow + "a.example");
  EXPECT_EQ(realm_advice(from, http::Url::parse("https://a.example:8443/t")->origin()), allow + "a.example:8443");
  EXPECT_EQ(realm_advice(from, http::Url::parse("https://[2001:db8::1]:8443/t")->origin()),
            allow + "[2001:db8::1]:8443");
}

TEST(RealmAdvice, NoFlagHelpsWhereTheAddressIsRefusedAnyway) {
  RegistryIdentity from = registry("reg.example", "https://reg.example/v2/");
  from.address = "192.0.2.7";
  for (const char* realm : {"https://127.0.0.1/t", "https://169.254.169.254/t", "https://[::1]:8443/t"}) {
    EXPECT_EQ(realm_advice(from, http::Url::parse(realm)->origin()).find("--token-host"), std::string::npos) << realm;
  }
  from.address = "127.0.0.1";
  EXPECT_NE(realm_advice(from, http::Url::parse("https://127.0.0.1:8443/t")->origin()).find("--token-host"),
            std::string::npos);
}

}  // namespace
}  // namespace freightliner::auth
