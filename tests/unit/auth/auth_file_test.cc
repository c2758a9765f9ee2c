#include "auth/auth_file.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/base64.h"

namespace freightliner::auth {
namespace {

std::string basic(const std::string& user_and_password) {
  return base64_encode(user_and_password);
}

// The user name of what is found; "-" where nothing is, "!" for an error.
std::string user_of(const AuthFile& file, const std::string& registry, const std::string& repository) {
  const auto found = file.find(registry, repository, Logger());
  if (!found) return "!" + found.error().message();
  return found->has_value() ? (*found)->username : "-";
}

TEST(NormalizedAuthKey, Table) {
  const std::pair<const char*, const char*> cases[] = {
      {"reg.example", "reg.example"},
      {"REG.Example:5000", "reg.example:5000"},
      {"https://reg.example", "reg.example"},
      {"HTTPS://reg.example/", "reg.example"},
      {"http://reg.example:5000/v1/", "reg.example:5000"},
      {"https://reg.example/v2/", "reg.example"},
      {"https://reg.example/some/path", "reg.example"},
      {"reg.example/", "reg.example"},
      {"reg.example/v1/", "reg.example"},
      {"reg.example/v1", "reg.example/v1"},
      {"reg.example/ns/Repo", "reg.example/ns/Repo"},
      {"https://index.docker.io/v1/", "docker.io"},
      {"index.docker.io", "docker.io"},
      {"registry-1.docker.io", "docker.io"},
      {"docker.io", "docker.io"},
      {"docker.io/library", "docker.io/library"},
      {"index.docker.io/library/alpine", "docker.io/library/alpine"},
      {"[::1]:5000", "[::1]:5000"},
      {"index.docker.io.evil.example", "index.docker.io.evil.example"},
      {"", ""},
  };
  for (const auto& [key, expected] : cases) EXPECT_EQ(normalized_auth_key(key), expected) << key;
}

TEST(AuthFile, TheMostSpecificKeyWins) {
  const auto file = AuthFile::parse(R"({"auths":{
      "reg.example": {"auth":")" + basic("host:p") +
                                        R"("},
      "reg.example/ns": {"auth":")" + basic("ns:p") +
                                        R"("},
      "reg.example/ns/repo": {"auth":")" +
                                        basic("repo:p") + R"("},
      "reg.example:5000": {"auth":")" + basic("port:p") +
                                        R"("},
      "https://other.example/v1/": {"username":"plain","password":"p"},
      "https://index.docker.io/v1/": {"auth":")" +
                                        basic("hub:p") + R"("},
      "docker.io/library": {"auth":")" + basic("library:p") +
                                        R"("},
      "empty.example": {},
      "https://empty.example": {"auth":")" +
                                        basic("second:p") + R"("},
      "null.example": null
    }})",
                                    "auth.json");
  ASSERT_TRUE(file) << file.error().message();
  const struct {
    const char* registry;
    const char* repository;
    const char* expected;
  } cases[] = {
      {"reg.example", "other", "host"},
      {"reg.example", "ns", "ns"},
      {"reg.example", "ns/other", "ns"},
      {"reg.example", "ns/repo", "repo"},
      {"reg.example", "ns/repo/below", "repo"},
      {"reg.example", "ns/repository", "ns"},
      {"reg.example", "nsx/repo", "host"},
      {"reg.example", "", "host"},
      {"reg.example:5000", "ns/repo", "port"},
      {"reg.example:443", "ns/repo", "-"},
      {"other.example", "x", "plain"},
      {"docker.io", "someone/x", "hub"},
      {"docker.io", "library/alpine", "library"},
      {"empty.example", "x", "second"},
      {"null.example", "x", "-"},
      // look-alikes
      {"reg.example.evil", "ns/repo", "-"},
      {"evil.reg.example", "ns/repo", "-"},
      {"reg.exampl", "ns/repo", "-"},
      {"eg.example", "ns/repo", "-"},
      {"index.docker.io.evil", "x", "-"},
      {"reg.example:50000", "x", "-"},
  };
  for (const auto& item : cases) {
    EXPECT_EQ(user_of(*file, item.registry, item.repository), item.expected) << item.registry << ' ' << item.repository;
  }
}

TEST(AuthFile, ALiteralKeyBeatsAnotherSpelling) {
  for (const char* text :
       {R"({"auths":{"r.example":{"username":"literal"},"https://r.example":{"username":"url"}}})",
        R"({"auths":{"https://r.example":{"username":"url"},"r.example":{"username":"literal"}}})"}) {
    const auto file = AuthFile::parse(text, "f");
    ASSERT_TRUE(file);
    EXPECT_EQ(user_of(*file, "r.example", "x"), "literal");
  }
}

TEST(AuthFile, ReadsEveryKindOfEntry) {
  const auto file = AuthFile::parse(R"({"auths":{
      "colon": {"auth":")" + basic("u:a:b:c") +
                                        R"("},
      "nul": {"auth":")" + basic(std::string("u:p\0\0", 5)) +
                                        R"("},
      "token": {"auth":")" + basic("u:") +
                                        R"(","identitytoken":"id"},
      "bare": {"identitytoken":"id"},
      "both": {"auth":")" + basic("u:p") +
                                        R"(","username":"ignored","password":"ignored"},
      "registry-token": {"registrytoken":"rt"}
    },"HttpHeaders":{"User-Agent":"x"},"credsStore":"desktop","currentContext":"x"})",
                                    "/home/u/config.json");
  ASSERT_TRUE(file) << file.error().message();
  const auto at = [&](const char* registry) { return **file->find(registry, "x", Logger()); };
  EXPECT_EQ(at("colon").password, "a:b:c");
  EXPECT_EQ(at("nul").password, "p");
  EXPECT_EQ(at("token").username, "u");
  EXPECT_EQ(at("token").identity_token, "id");
  EXPECT_EQ(at("bare").identity_token, "id");
  EXPECT_EQ(at("both").username, "u");
  EXPECT_EQ(at("both").password, "p");
  EXPECT_EQ(at("both").source, "/home/u/config.json");
  EXPECT_EQ(user_of(*file, "registry-token", "x"), "-");
  EXPECT_EQ(file->default_helper(), "desktop");
}

TEST(AuthFile, ReadsHelpers) {
  const auto file = AuthFile::parse(R"({"credHelpers":{"gcr.io":"gcloud","https://index.docker.io/v1/":"hub",
      "off.example":"","https://gcr.io":"other"}})",
                                    "f");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->helper_for("gcr.io"), "gcloud");
  EXPECT_EQ(file->helper_for("docker.io"), "hub");
  EXPECT_EQ(file->helper_for("off.example"), "");
  EXPECT_EQ(file->helper_for("eu.gcr.io"), std::nullopt);
  EXPECT_EQ(file->helper_for("gcr.io.evil"), std::nullopt);
  EXPECT_EQ(file->default_helper(), "");
}

TEST(AuthFile, RefusesWhatIsMalformed) {
  const struct {
    std::string text;
    const char* part;
  } cases[] = {
      {"", "empty"},
      {"not json", "byte"},
      {"[]", "not a JSON object"},
      {R"({"auths":[]})", "\"auths\" is not an object"},
      {R"({"credHelpers":[]})", "\"credHelpers\" is not an object"},
      {R"({"credHelpers":{"a":7}})", "not a text"},
      {R"({"credsStore":7})", "\"credsStore\" is not a text"},
      {R"({"auths":{"a":{},"a":{}}})", "twice"},
      {R"({"auths":{"a":{"auth":"c4n4ry)", "byte"},
      {R"({"auths":{"a":{"auth":"c4n4ry" "x"}}})", "byte"},
      {std::string(100'000, '['), "deep"},
      {std::string(1024 * 1024 + 1, ' '), "limit"},
  };
  for (const auto& item : cases) {
    const auto file = AuthFile::parse(item.text, "/home/u/auth\x1b.json");
    ASSERT_FALSE(file) << item.text.substr(0, 60);
    const std::string message = file.error().describe();
    EXPECT_EQ(file.error().code(), ErrorCode::kAuthentication);
    EXPECT_NE(message.find(R"(/home/u/auth\x1b.json)"), std::string::npos) << message;
    EXPECT_NE(message.find(item.part), std::string::npos) << message;
    EXPECT_EQ(message.find("c4n4ry"), std::string::npos) << message;
  }
}

TEST(AuthFile, ABadEntryIsAnErrorOnlyWhereItIsNeeded) {
  const auto file = AuthFile::parse(R"({"auths":{
      "bad.example": {"auth":"***c4n4ry***"},
      "nocolon.example": {"auth":")" + basic("c4n4ry") +
                                        R"("},
      "type.example": {"auth":7},
      "text.example": "c4n4ry",
      "good.example": {"username":"u","password":"p"}
    }})",
                                    "f.json");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(user_of(*file, "good.example", "x"), "u");
  for (const char* registry : {"bad.example", "nocolon.example", "type.example", "text.example"}) {
    const auto found = file->find(registry, "x", Logger());
    ASSERT_FALSE(found) << registry;
    EXPECT_EQ(found.error().code(), ErrorCode::kAuthentication);
    EXPECT_NE(found.error().message().find("f.json: the entry for " + std::string(registry)), std::string::npos);
    EXPECT_EQ(found.error().message().find("c4n4ry"), std::string::npos) << found.error().message();
  }
}

}  // namespace
}  // namespace freightliner::auth
