#include "auth/token_request.h"

#include <gtest/gtest.h>

#include <string>

namespace freightliner::auth {
namespace {

const TimePoint kReceived{std::chrono::hours(5)};

TEST(ParseToken, ReadsTheTokenAndItsLife) {
  struct Case {
    const char* body;
    const char* value;
    int fresh_seconds;
  };
  const Case cases[] = {
      {R"({"token":"abc"})", "abc", 50},
      {R"({"access_token":"abc"})", "abc", 50},
      {R"({"token":"abc","access_token":"def"})", "abc", 50},
      {R"({"token":"","access_token":"def"})", "def", 50},
      {R"({"token":null,"access_token":"def"})", "def", 50},
      {R"({"token":"abc","expires_in":300})", "abc", 270},
      {R"({"token":"abc","expires_in":300.5})", "abc", 270},
      {R"({"token":"abc","expires_in":10})", "abc", 50},
      {R"({"token":"abc","expires_in":-1})", "abc", 50},
      {R"({"token":"abc","expires_in":1e300})", "abc", 77'760},
      {R"({"token":"abc","expires_in":18446744073709551615})", "abc", 77'760},
      {R"({"token":"abc","expires_in":"300"})", "abc", 50},
      {R"({"token":"abc","expires_in":80,"issued_at":"2001-01-01T00:00:00Z"})", "abc", 70},
  };
  for (const Case& item : cases) {
    const auto token = parse_token(item.body, kReceived);
    ASSERT_TRUE(token) << item.body << ": " << token.error().describe();
    EXPECT_EQ(token->value, item.value) << item.body;
    EXPECT_EQ(std::chrono::duration_cast<std::chrono::seconds>(token->refresh_after - kReceived).count(),
              item.fresh_seconds)
        << item.body;
  }
}

TEST(ParseToken, RefusesWhatIsNoToken) {
  const std::string canary = "c4n4ry";
  const std::string bodies[] = {
      "",
      "<html>login</html>",
      "[]",
      "{}",
      R"({"token":7})",
      R"({"token":""})",
      R"({"token":["c4n4ry"]})",
      R"({"token":"c4n4ry\r\nX-Evil: 1"})",
      R"({"token":"c4n4ry evil"})",
      R"({"token":"c4n4ry\u0000"})",
      R"({"token":"c4n4ry\u00e9"})",
      R"({"token":"c4n4ry)",
      R"({"token":"c4n4ry"} trailing)",
      R"({"token":")" + std::string(64 * 1024 + 1, 'x') + R"("})",
  };
  for (const std::string& body : bodies) {
    const auto token = parse_token(body, kReceived);
    ASSERT_FALSE(token) << body.substr(0, 80);
    EXPECT_EQ(token.error().code(), ErrorCode::kProtocol) << body.substr(0, 80);
    EXPECT_EQ(token.error().describe().find(canary), std::string::npos) << token.error().describe();
  }
}

TEST(BasicAuthorization, Table) {
  EXPECT_EQ(*basic_authorization({"Aladdin", "open sesame", ""}), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(*basic_authorization({"test", "1:23\xC2\xA3", ""}), "Basic dGVzdDoxOjIzwqM=");
  for (const char* name : {"a:b", "a\nb", "a\x7f"}) {
    const auto value = basic_authorization({name, "s3cret", ""});
    ASSERT_FALSE(value) << name;
    EXPECT_EQ(value.error().code(), ErrorCode::kAuthentication);
    EXPECT_EQ(value.error().message().find("s3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace freightliner::auth
