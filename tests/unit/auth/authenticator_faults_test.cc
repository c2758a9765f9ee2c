#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "auth/authenticator_fixture.h"

namespace freightliner::auth {
namespace {

TEST_F(AuthenticatorTest, BadRealmsAreErrors) {
  make("reg.example");
  const std::pair<const char*, const char*> cases[] = {
      {"ftp://auth.example/token", "neither https nor http"},
      {"https://user:pw@auth.example/token", "user information"},
      {"nonsense", "token server"},
      {"file:///etc/passwd", "token server"},
  };
  for (const auto& [realm, part] : cases) expect_error(answer({bearer(realm)}), ErrorCode::kProtocol, part);
  const http::Response refused = unauthorized({bearer("http://reg.example/token")}, "https");
  expect_error(authenticator_->answer_challenge(session_, refused, {"x", {}}, {}, kNoStop), ErrorCode::kProtocol,
               "without TLS");
}

TEST_F(AuthenticatorTest, StatusesOfTheTokenServer) {
  std::atomic<int> status{0};
  test::ScriptedServer server([&](const test::SeenRequest&) {
    return Answer{status, R"({"details":"bad password )" + kSecret + R"("})", {"Location: http://127.0.0.2:1/"}};
  });
  use_credential({"user", kSecret, ""});
  make(server.host());
  const struct {
    int status;
    ErrorCode code;
    const char* part;
    std::size_t requests;
  } cases[] = {
      {401, ErrorCode::kAuthentication, "refused the login as \"user\"", 1},
      {403, ErrorCode::kAuthentication, "refused the login as \"user\"", 1},
      {302, ErrorCode::kProtocol, "redirect", 1},
      {307, ErrorCode::kProtocol, "redirect", 1},
      {400, ErrorCode::kProtocol, "HTTP 400", 1},
      {404, ErrorCode::kProtocol, "HTTP 404", 1},
      {501, ErrorCode::kProtocol, "HTTP 501", 1},
      {429, ErrorCode::kTemporary, "HTTP 429", 4},
      {500, ErrorCode::kTemporary, "HTTP 500", 4},
      {503, ErrorCode::kTemporary, "HTTP 503", 4},
  };
  for (const auto& item : cases) {
    status = item.status;
    const std::size_t before = server.requests().size();
    const auto result = answer({bearer(server.url("/token"))});
    expect_error(result, item.code, item.part);
    EXPECT_EQ(result.error().http_status(), item.status);
    EXPECT_EQ(server.requests().size() - before, item.requests) << item.status;
  }
}

TEST_F(AuthenticatorTest, AnonymousRefusalsSayWhereCredentialsAreLookedFor) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{401}; });
  CredentialStoreOptions options;
  options.default_files = {"/nonexistent/auth.json", "/nonexistent/config.json"};
  credentials_ = std::make_unique<CredentialStore>(options, log_);
  make(server.host());
  expect_error(answer({bearer(server.url("/token"))}), ErrorCode::kAuthentication,
               "no credentials for " + server.host() + " in /nonexistent/auth.json, /nonexistent/config.json");
}

TEST_F(AuthenticatorTest, AnIdentityTokenThatIsNotValidAnyMore) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{400, R"({"error":"invalid_grant"})"}; });
  use_credential({"", "", kSecret});
  make(server.host());
  expect_error(answer({bearer(server.url("/token"))}), ErrorCode::kAuthentication, "with the identity token");
}

TEST_F(AuthenticatorTest, RecoversFromTemporaryFaultsAndHonoursRetryAfter) {
  std::atomic<int> count{0};
  test::ScriptedServer server([&](const test::SeenRequest&) {
    return ++count <= 2 ? Answer{503, "", {"Retry-After: 7"}} : Answer{200, token_json("t")};
  });
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token"))}), "Bearer t");
  ASSERT_EQ(clock_.sleeps().size(), 2U);
  for (const Duration sleep : clock_.sleeps()) EXPECT_GE(sleep, Duration(7'000));
}

TEST_F(AuthenticatorTest, AnEndlessRetryAfterIsNotWaitedFor) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{429, "", {"Retry-After: 86400"}}; });
  make(server.host());
  expect_error(answer({bearer(server.url("/token"))}), ErrorCode::kTemporary, "HTTP 429");
  EXPECT_EQ(server.requests().size(), 1U);
  EXPECT_TRUE(clock_.sleeps().empty());
}

TEST_F(AuthenticatorTest, UnusableAnswersAreProtocolErrors) {
  std::string body;
  test::ScriptedServer server([&](const test::SeenRequest&) { return Answer{200, body}; });
  make(server.host());
  for (const std::string& text :
       {std::string("<html>"), std::string("{}"), token_json("a\\r\\nb"), token_json(std::string(1024 * 1024, 'x'))}) {
    body = text;
    expect_error(answer({bearer(server.url("/token"))}), ErrorCode::kProtocol, "");
  }
}

TEST_F(AuthenticatorTest, ADeadTokenServerIsTemporary) {
  std::string realm;
  {
    test::ScriptedServer server([](const test::SeenRequest&) { return Answer{}; });
    realm = server.url("/token");
    make(server.host());
  }
  const auto failed = answer({bearer(realm)});
  expect_error(failed, ErrorCode::kTemporary, "cannot log in to " + registry_);
  EXPECT_FALSE(failed.error().retryable()) << "it was tried again already";
  EXPECT_EQ(clock_.sleeps().size(), 3U);
}

TEST_F(AuthenticatorTest, AStopEndsTheWait) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{503}; });
  make(server.host());
  std::stop_source stop;
  stop.request_stop();
  const auto result = authenticator_->answer_challenge(session_, unauthorized({bearer(server.url("/token"))}),
                                                       {"x", {}}, {}, stop.get_token());
  expect_error(result, ErrorCode::kCancelled, "");
}

}  // namespace
}  // namespace freightliner::auth
