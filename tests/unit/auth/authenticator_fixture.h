#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "auth/base64.h"
#include "freightliner/auth/authenticator.h"
#include "freightliner/base/guarded.h"
#include "freightliner/http/session.h"
#include "support/manual_clock.h"
#include "support/scripted_server.h"

namespace freightliner::auth {

using Answer = test::ScriptedServer::Answer;

inline const std::string kSecret = "c4n4ry-s3cret";
inline const std::stop_token kNoStop;
inline constexpr http::RetryPolicy kRetries{.max_attempts = 4};

inline std::string token_json(const std::string& token) {
  return R"({"token":")" + token + R"(","expires_in":300})";
}

// Collects everything that is logged, to look for secrets in it.
class CollectingSink final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view message) override {
    text_.with([&](std::string& text) { text += message; });
  }
  std::string text() const {
    return text_.with([](const std::string& text) { return text; });
  }

 private:
  Guarded<std::string> text_;
};

// A registry that is only a name and its 401, and a token server that is real.
class AuthenticatorTest : public testing::Test {
 protected:
  void use_credential(Credential credential) {
    CredentialStoreOptions options;
    options.explicit_credential = std::move(credential);
    credentials_ = std::make_unique<CredentialStore>(options, log_);
  }
  Authenticator& make(const std::string& registry, std::set<std::string> token_hosts = {}) {
    if (!credentials_) credentials_ = std::make_unique<CredentialStore>(CredentialStoreOptions(), log_);
    registry_ = registry;
    authenticator_ = std::make_unique<Authenticator>(AuthenticatorOptions{registry, std::move(token_hosts), kRetries},
                                                     *credentials_, clock_, monitor_, log_);
    return *authenticator_;
  }
  http::Response unauthorized(const std::vector<std::string>& challenges, const std::string& scheme = "http") const {
    http::Response response{
        401, {}, {}, *http::Url::parse(scheme + "://" + registry_ + "/v2/x/manifests/1"), "127.0.0.1"};
    for (const std::string& challenge : challenges) response.headers.add("WWW-Authenticate", challenge);
    return response;
  }
  static std::string bearer(const std::string& realm, const std::string& rest = R"(,service="svc")") {
    return R"(Bearer realm=")" + realm + '"' + rest;
  }
  Result<std::string> answer(const std::vector<std::string>& challenges, const std::optional<std::string>& sent = {},
                             const Access& access = {"x", {"repository:x:pull"}}) {
    return authenticator_->answer_challenge(session_, unauthorized(challenges), access, sent, kNoStop);
  }
  Result<std::optional<std::string>> first_try(const Access& access = {"x", {"repository:x:pull"}}) {
    return authenticator_->authorization(session_, access, kNoStop);
  }
  void expect_error(const Result<std::string>& result, ErrorCode code, const std::string& part) {
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error().code()), to_string(code)) << result.error().describe();
    EXPECT_NE(result.error().describe().find(part), std::string::npos) << result.error().describe();
    EXPECT_EQ(result.error().describe().find(kSecret), std::string::npos) << result.error().describe();
  }
  void TearDown() override {
    EXPECT_EQ(sink_.text().find(kSecret), std::string::npos);
    EXPECT_EQ(sink_.text().find(base64_encode("user:" + kSecret)), std::string::npos);
  }

  CollectingSink sink_;
  Logger log_{&sink_, LogLevel::kDebug};
  test::ManualClock clock_;
  runtime::PerformanceMonitor monitor_;
  http::SharedCaches caches_;
  http::Session session_{http::SessionOptions{}, caches_, log_};
  std::unique_ptr<CredentialStore> credentials_;
  std::unique_ptr<Authenticator> authenticator_;
  std::string registry_;
};

}  // namespace freightliner::auth
