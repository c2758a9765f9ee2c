#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scripted_registry.h"

namespace freightliner::registry {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Answer = ScriptedRegistry::Answer;

const std::string kDigest = "sha256:" + std::string(64, 'a');

Result<DeleteOutcome> remove(ScriptedRegistry& registry, const std::string& reference) {
  return registry.client().delete_manifest(registry.caller(), "team/app", reference);
}

TEST(Delete, TellsWhatBecameOfIt) {
  struct Case {
    int status;
    std::string reference;
    std::optional<DeleteOutcome> outcome;
    ErrorCode code = ErrorCode::kInternal;
  };
  const std::vector<Case> cases = {
      {202, "v1", DeleteOutcome::kDeleted},
      {200, kDigest, DeleteOutcome::kDeleted},
      {204, kDigest, DeleteOutcome::kDeleted},
      {404, "v1", DeleteOutcome::kAbsent},
      {404, kDigest, DeleteOutcome::kAbsent},
      {405, "v1", DeleteOutcome::kUnsupported},
      {405, kDigest, DeleteOutcome::kUnsupported},
      {400, "v1", DeleteOutcome::kUnsupported},
      {501, "v1", DeleteOutcome::kUnsupported},
      {400, kDigest, std::nullopt, ErrorCode::kProtocol},
      {403, "v1", std::nullopt, ErrorCode::kDenied},
      {403, kDigest, std::nullopt, ErrorCode::kDenied},
      {412, "v1", std::nullopt, ErrorCode::kProtocol},
      {503, "v1", std::nullopt, ErrorCode::kTemporary},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(std::to_string(test.status) + " " + test.reference);
    ScriptedRegistry registry([&](const SeenRequest&) { return Answer{test.status, ""}; });
    const auto outcome = remove(registry, test.reference);
    ASSERT_EQ(outcome.has_value(), test.outcome.has_value()) << (outcome ? "" : outcome.error().describe());
    if (outcome) {
      EXPECT_EQ(*outcome, *test.outcome);
    } else {
      EXPECT_EQ(outcome.error().code(), test.code) << outcome.error().describe();
    }
    EXPECT_EQ(registry.targets().at(0), "DELETE /v2/team/app/manifests/" + test.reference);
  }
}

TEST(Delete, WhatStillAnswersIsNotGone) {
  ScriptedRegistry registry([](const SeenRequest& request) {
    if (request.method == "DELETE") return Answer{404, "404 page not found"};
    return Answer{200, "{}", {"Docker-Content-Digest: " + kDigest, "Content-Type: application/x"}};
  });
  EXPECT_EQ(remove(registry, "v1").value(), DeleteOutcome::kUnsupported);
}

TEST(Delete, TheRegistrysErrorCodesDoNotHideARefusalByTag) {
  ScriptedRegistry registry([](const SeenRequest&) {
    return Answer{400, R"({"errors":[{"code":"DIGEST_INVALID"}]})"};
  });
  EXPECT_EQ(remove(registry, "v1").value(), DeleteOutcome::kUnsupported);
}

/// A registry whose token server fails for scopes that have `unknown` in them, and which wants `wanted` in the scope.
class TokenRegistry {
 public:
  TokenRegistry(std::string unknown, std::string wanted)
      : registry_(
            [this, unknown = std::move(unknown), wanted = std::move(wanted)](const SeenRequest& request) {
              if (request.target.starts_with("/token")) {
                const bool fails = !unknown.empty() && request.target.find(unknown) != std::string::npos;
                if (fails) return Answer{400, R"({"error":"unable to decode scope"})"};
                return Answer{200, R"({"token":")" +
                                       std::string(request.target.find(wanted) != std::string::npos ? "good" : "bad") +
                                       "\"}"};
              }
              if (request.header("authorization") == "Bearer good") return Answer{202, ""};
              return Answer{
                  401,
                  "",
                  {"WWW-Authenticate: Bearer realm=\"http://" + registry_.server().host() + "/token\",service=\"s\""}};
            },
            auth::Credential{"user", "secret", ""}) {}
  ScriptedRegistry& operator*() { return registry_; }

 private:
  ScriptedRegistry registry_;
};

TEST(Delete, AsksForThatAction) {
  TokenRegistry registry("", "delete");
  EXPECT_EQ(remove(*registry, "v1").value(), DeleteOutcome::kDeleted);
  const auto targets = (*registry).targets();
  ASSERT_THAT(targets, SizeIs(3));
  EXPECT_THAT(targets[1], HasSubstr("scope=repository%3Ateam%2Fapp%3Apull%2Cpush%2Cdelete"));
}

TEST(Delete, DoesWithPushWhereTheTokenServerKnowsNoDelete) {
  TokenRegistry registry("delete", "push");
  EXPECT_EQ(remove(*registry, "v1").value(), DeleteOutcome::kDeleted);
  const std::size_t first = (*registry).targets().size();
  EXPECT_EQ(remove(*registry, "v2").value(), DeleteOutcome::kDeleted);
  const auto targets = (*registry).targets();
  ASSERT_EQ(targets.size(), first + 1) << "it was learnt, and the token is there";
  EXPECT_THAT(targets.back(), HasSubstr("v2"));
}

}  // namespace
}  // namespace freightliner::registry
