#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auth/authenticator_fixture.h"
#include "auth/helper_scripts.h"

namespace freightliner::auth {
namespace {

TEST_F(AuthenticatorTest, KnowsNothingBeforeTheFirstChallenge) {
  use_credential({"user", kSecret, ""});
  make("reg.example");
  const auto value = first_try();
  ASSERT_TRUE(value);
  EXPECT_FALSE(value->has_value());
}

TEST_F(AuthenticatorTest, FetchesATokenAndUsesItFromThenOn) {
  std::atomic<int> count{0};
  test::ScriptedServer server([&](const test::SeenRequest&) {
    return Answer{200, token_json("t" + std::to_string(++count))};
  });
  use_credential({"user", kSecret, ""});
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token?fixed=1"))}, {}, {"x", {"repository:x:pull,push", "repository:y:pull"}}),
            "Bearer t1");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target,
            "/token?fixed=1&service=svc&scope=repository%3Ax%3Apull%2Cpush&scope=repository%3Ay%3Apull&account=user");
  EXPECT_EQ(requests[0].header("authorization"), "Basic " + base64_encode("user:" + kSecret));

  EXPECT_EQ(**first_try({"x", {"repository:x:pull,push", "repository:y:pull"}}), "Bearer t1");
  EXPECT_EQ(**first_try(), "Bearer t2");  // another scope set
  clock_.advance(Duration(269'000));
  EXPECT_EQ(**first_try(), "Bearer t2");
  clock_.advance(Duration(2'000));
  EXPECT_EQ(**first_try(), "Bearer t3");
}

TEST_F(AuthenticatorTest, AnonymousTokensAreFetchedWithoutCredentials) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, R"({"access_token":"anon"})"}; });
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token"), "")}), "Bearer anon");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0].target, "/token?scope=repository%3Ax%3Apull");
  EXPECT_EQ(server.requests()[0].header("authorization"), "");
}

TEST_F(AuthenticatorTest, IdentityTokensUseTheOauth2Form) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("t")}; });
  use_credential({"", "", kSecret + "+/="});
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token"))}, {}, {"x", {"repository:x:pull,push", "repository:y:pull"}}),
            "Bearer t");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].target, "/token");
  EXPECT_EQ(requests[0].header("authorization"), "");
  EXPECT_EQ(requests[0].header("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(requests[0].body,
            "grant_type=refresh_token&client_id=freightliner&service=svc&"
            "scope=repository%3Ax%3Apull%2Cpush%20repository%3Ay%3Apull&refresh_token=" +
                kSecret + "%2B%2F%3D");
}

TEST_F(AuthenticatorTest, FallsBackToGetWhereTheFormIsNotServed) {
  for (const int status : {404, 405}) {
    test::ScriptedServer server([&](const test::SeenRequest& request) {
      return request.method == "POST" ? Answer{status} : Answer{200, token_json("t")};
    });
    use_credential({"user", kSecret, "identity"});
    make(server.host());
    EXPECT_EQ(*answer({bearer(server.url("/token"))}), "Bearer t");
    EXPECT_EQ(server.requests().size(), 2U);

    use_credential({"user", "", "identity"});
    make(server.host());
    expect_error(answer({bearer(server.url("/token"))}), ErrorCode::kProtocol, std::to_string(status));
  }
}

TEST_F(AuthenticatorTest, UsesBasicForTheRegistryItself) {
  use_credential({"user", kSecret, ""});
  make("reg.example:5000");
  const std::string expected = "Basic " + base64_encode("user:" + kSecret);
  EXPECT_EQ(*answer({R"(Basic realm="r")"}), expected);
  EXPECT_EQ(**first_try(), expected);
  expect_error(answer({R"(Basic realm="r")"}, expected), ErrorCode::kAuthentication, "refused the login as \"user\"");
}

TEST_F(AuthenticatorTest, BasicNeedsAUserName) {
  make("reg.example");
  expect_error(answer({"Basic"}), ErrorCode::kAuthentication, "there are none for it in no file at all");
  use_credential({"", "", kSecret});
  make("reg.example");
  expect_error(answer({"Basic"}), ErrorCode::kAuthentication, "identity token");
}

TEST_F(AuthenticatorTest, PrefersBearerAndSkipsWhatItDoesNotKnow) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("t")}; });
  use_credential({"user", kSecret, ""});
  make(server.host());
  EXPECT_EQ(*answer({"Negotiate abc==", R"(Basic realm="r", )" + bearer(server.url("/token"))}), "Bearer t");
  EXPECT_EQ(*answer({"Bearer", R"(Bearer service="no realm")", R"(Basic realm="r")"}),
            "Basic " + base64_encode("user:" + kSecret));
}

TEST_F(AuthenticatorTest, A401ThatOffersNothingIsAnError) {
  make("reg.example");
  expect_error(answer({}), ErrorCode::kAuthentication, "no challenge");
  expect_error(answer({"Negotiate"}), ErrorCode::kAuthentication, "negotiate");
  expect_error(answer({"@@@ \x01"}), ErrorCode::kAuthentication, "no challenge");
  expect_error(answer({"Bearer"}), ErrorCode::kAuthentication, "bearer");
}

TEST_F(AuthenticatorTest, ARefusedTokenIsReplacedOnce) {
  std::atomic<int> count{0};
  test::ScriptedServer server([&](const test::SeenRequest&) {
    return Answer{200, token_json("t" + std::to_string(++count))};
  });
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token"))}), "Bearer t1");
  EXPECT_EQ(*answer({bearer(server.url("/token"))}, "Bearer t1"), "Bearer t2");
  EXPECT_EQ(*answer({bearer(server.url("/token"))}, "Bearer t1"), "Bearer t2");  // another thread was faster
}

TEST_F(AuthenticatorTest, InsufficientScopeWidensTheRequestForGood) {
  std::atomic<int> count{0};
  test::ScriptedServer server([&](const test::SeenRequest&) {
    return Answer{200, token_json("t" + std::to_string(++count))};
  });
  make(server.host());
  const std::string extra = R"(,service="svc",scope="repository:x:pull,push repository:z:pull")";
  EXPECT_EQ(*answer({bearer(server.url("/token"), extra)}), "Bearer t1");
  // Without insufficient_scope a challenge's scope is not ours (ghcr's is a placeholder).
  EXPECT_EQ(server.requests().back().target, "/token?service=svc&scope=repository%3Ax%3Apull");
  EXPECT_EQ(*answer({bearer(server.url("/token"), extra)}, "Bearer t1"), "Bearer t2");
  EXPECT_EQ(server.requests().back().target, "/token?service=svc&scope=repository%3Ax%3Apull");

  EXPECT_EQ(*answer({bearer(server.url("/token"), extra + R"(,error="insufficient_scope")")}, "Bearer t2"),
            "Bearer t3");
  const std::string wide = "/token?service=svc&scope=repository%3Ax%3Apull%2Cpush&scope=repository%3Az%3Apull";
  EXPECT_EQ(server.requests().back().target, wide);
  EXPECT_EQ(**first_try(), "Bearer t3");
  clock_.advance(Duration(300'000));
  EXPECT_EQ(**first_try(), "Bearer t4");
  EXPECT_EQ(server.requests().back().target, wide);
}

TEST_F(AuthenticatorTest, CredentialsDoNotGoToAForeignRealm) {
  test::ScriptedServer thief([](const test::SeenRequest&) { return Answer{200, token_json("t")}; }, "127.0.0.2");
  use_credential({"user", kSecret, ""});
  make("reg.example");
  const http::Response refused = unauthorized({bearer("https://auth.example:8443/token")}, "https");
  expect_error(authenticator_->answer_challenge(session_, refused, {"x", {}}, {}, kNoStop), ErrorCode::kAuthentication,
               "--token-host reg.example=auth.example:8443");
  make("127.0.0.1:5000");
  expect_error(answer({bearer(thief.url("/token"))}), ErrorCode::kProtocol, "without TLS");
  EXPECT_FALSE(first_try()->has_value());  // nothing was learnt from it
  EXPECT_TRUE(thief.requests().empty());
}

TEST_F(AuthenticatorTest, AForeignRealmBesidesBasicIsNotNeeded) {
  use_credential({"user", kSecret, ""});
  make("reg.example");
  EXPECT_EQ(*answer({bearer("https://auth.example/token"), "Basic"}), "Basic " + base64_encode("user:" + kSecret));
}

TEST_F(AuthenticatorTest, AnAllowedTokenHostGetsCredentials) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("t")}; });
  use_credential({"user", kSecret, ""});
  make("localhost:5000", {server.host()});
  EXPECT_EQ(*answer({bearer(server.url("/token"))}), "Bearer t");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0].header("authorization"), "Basic " + base64_encode("user:" + kSecret));
}

TEST_F(AuthenticatorTest, ALocalRealmOfARegistryElsewhereIsRefused) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("t")}; });
  make("reg.example:80", {server.host()});
  http::Response refused = unauthorized({bearer(server.url("/token"))});
  refused.remote_address = "192.0.2.7";
  expect_error(authenticator_->answer_challenge(session_, refused, {"x", {}}, {}, kNoStop), ErrorCode::kProtocol,
               "127.0.0.1");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(AuthenticatorTest, AnotherServersChallengeIsNotAnswered) {
  use_credential({"user", kSecret, ""});
  make("reg.example");
  for (const char* url : {"https://cdn.example/blob", "https://reg.example:5000/", "https://reg.example.evil/"}) {
    const http::Response refused{401, {}, {}, *http::Url::parse(url), "192.0.2.1"};
    expect_error(authenticator_->answer_challenge(session_, refused, {"x", {}}, {}, kNoStop),
                 ErrorCode::kAuthentication, "not sent there");
  }
}

TEST_F(AuthenticatorTest, AServerElsewhereGetsAtMostATokenOfItsOwn) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("own")}; });
  test::ScriptedServer other([](const test::SeenRequest&) { return Answer{200, token_json("other")}; }, "127.0.0.2");
  use_credential({"user", kSecret, ""});
  make("reg.example");
  http::Response refused{401, {}, {}, *http::Url::parse(server.url("/blob")), "127.0.0.1"};
  refused.headers.add("WWW-Authenticate", bearer(server.url("/token"), R"(,service="cdn",scope="blobs:read")"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(*authenticator_->answer_elsewhere(session_, refused, kNoStop), "Bearer own");
  ASSERT_EQ(server.requests().size(), 1U) << "the token is kept";
  EXPECT_EQ(server.requests()[0].target, "/token?service=cdn&scope=blobs%3Aread");
  EXPECT_EQ(server.requests()[0].header("authorization"), "");
  EXPECT_FALSE(first_try()->has_value()) << "nothing was learnt about the registry";

  for (const std::string& challenge : {bearer(other.url("/token")), std::string("Basic realm=\"x\""),
                                       bearer("https://auth.example/token"), bearer("nonsense")}) {
    http::Response asks{401, {}, {}, *http::Url::parse(server.url("/blob")), "127.0.0.1"};
    asks.headers.add("WWW-Authenticate", challenge);
    expect_error(authenticator_->answer_elsewhere(session_, asks, kNoStop), ErrorCode::kAuthentication,
                 "not sent there");
  }
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(AuthenticatorTest, AServerElsewhereHasNoTokenServerAtALocalAddressThatIsNotItsOwn) {
  test::ScriptedServer server([](const test::SeenRequest&) { return Answer{200, token_json("t")}; });
  make("reg.example");
  http::Response refused{401, {}, {}, *http::Url::parse(server.url("/blob")), "192.0.2.7"};
  refused.headers.add("WWW-Authenticate", bearer(server.url("/token")));
  expect_error(authenticator_->answer_elsewhere(session_, refused, kNoStop), ErrorCode::kProtocol, "127.0.0.1");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(AuthenticatorTest, ManyThreadsFetchOneToken) {
  test::ScriptedServer server([](const test::SeenRequest&) {
    std::this_thread::sleep_for(Duration(50));
    return Answer{200, token_json("t")};
  });
  use_credential({"user", kSecret, ""});
  make(server.host());
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      http::Session session(http::SessionOptions{}, caches_, Logger());
      const auto value = authenticator_->answer_challenge(session, unauthorized({bearer(server.url("/token"))}),
                                                          {"x", {"repository:x:pull"}}, {}, kNoStop);
      if (value && *value == "Bearer t") ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(AuthenticatorTest, CredentialsOfARepositoryAreItsOwn) {
  test::ScriptedServer server([](const test::SeenRequest& request) {
    const std::string sent = request.header("authorization");
    return Answer{200, token_json(sent.empty() ? "anonymous" : "known")};
  });
  const test::TemporaryDirectory directory;
  CredentialStoreOptions options;
  options.authfile =
      directory.write("auth.json", R"({"auths":{")" + server.host() + R"(/team":{"username":"user","password":")" +
                                       kSecret + R"("}}})");
  credentials_ = std::make_unique<CredentialStore>(options, log_);
  make(server.host());
  EXPECT_EQ(*answer({bearer(server.url("/token"))}, {}, {"public/a", {}}), "Bearer anonymous");
  EXPECT_EQ(*answer({bearer(server.url("/token"))}, {}, {"team/a", {}}), "Bearer known");
  EXPECT_EQ(**first_try({"public/b", {}}), "Bearer anonymous");

  const auto anonymous = authenticator_->identity_key("public/a");
  const auto known = authenticator_->identity_key("team/a");
  EXPECT_EQ(*anonymous, "anonymous");
  EXPECT_NE(*known, *anonymous);
  EXPECT_EQ(*known, *authenticator_->identity_key("team/b"));
  EXPECT_EQ(known->find(kSecret), std::string::npos);
}

TEST_F(AuthenticatorTest, IdentityKeysTellSecretsApart) {
  std::set<std::string> keys;
  const Credential credentials[] = {{"a", "b", ""}, {"a", "", "b"}, {"a", "c", ""}, {"ab", "", ""}, {"b", "b", ""}};
  for (const Credential& credential : credentials) {
    use_credential(credential);
    keys.insert(*make("reg.example").identity_key("x"));
  }
  EXPECT_EQ(keys.size(), std::size(credentials));
}

TEST_F(AuthenticatorTest, DockerHubsNamesAreOne) {
  const test::TemporaryDirectory directory;
  CredentialStoreOptions options;
  options.authfile = directory.write("config.json", R"({"auths":{"https://index.docker.io/v1/":{"auth":")" +
                                                        base64_encode("user:" + kSecret) + R"("}}})");
  credentials_ = std::make_unique<CredentialStore>(options, log_);
  const std::string key = *make("docker.io").identity_key("library/alpine");
  EXPECT_EQ(key.substr(0, 10), "user:user:");
  EXPECT_EQ(*make("registry-1.docker.io").identity_key("library/alpine"), key);
}

}  // namespace
}  // namespace freightliner::auth
