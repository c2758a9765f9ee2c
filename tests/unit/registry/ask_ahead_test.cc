#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scripted_registry.h"

namespace freightliner::registry {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::ElementsAre;
using testing::SizeIs;
using Answer = ScriptedRegistry::Answer;

const std::string kHead = "HEAD /v2/team/app/manifests/v1";

/// Asks ahead, then for the answer.
Result<std::optional<oci::Descriptor>> head(ScriptedRegistry& registry) {
  auto ahead = registry.client().head_manifest_ahead(registry.caller(), "team/app", "v1", false);
  EXPECT_NE(ahead, nullptr);
  return registry.client().head_manifest(registry.caller(), "team/app", "v1", false, std::move(ahead));
}

/// A scripted server's HEAD tells no length of a body that is not there: the content tells.
Answer content(const SeenRequest& request) {
  if (request.method == "HEAD") return {405, "", {}};
  return {200, R"({"schemaVersion":2})", {"Content-Type: application/vnd.oci.image.index.v1+json"}};
}

TEST(AskAhead, IsOneRequest) {
  ScriptedRegistry registry([](const SeenRequest&) { return Answer{404, ""}; });
  const auto descriptor = head(registry);
  ASSERT_TRUE(descriptor) << descriptor.error().describe();
  EXPECT_FALSE(descriptor->has_value());
  EXPECT_THAT(registry.targets(), ElementsAre(kHead));
}

TEST(AskAhead, WhatItsAnswerDoesNotTellTheContentDoes) {
  ScriptedRegistry registry(content);
  const auto descriptor = head(registry);
  ASSERT_TRUE(descriptor && *descriptor);
  EXPECT_THAT(registry.targets(), ElementsAre(kHead, "GET /v2/team/app/manifests/v1"));
}

TEST(AskAhead, WhatFailsIsTriedAgain) {
  int count = 0;
  ScriptedRegistry registry([&](const SeenRequest&) { return Answer{++count == 1 ? 503 : 404, ""}; });
  const auto descriptor = head(registry);
  ASSERT_TRUE(descriptor) << descriptor.error().describe();
  EXPECT_THAT(registry.targets(), ElementsAre(kHead, kHead));
}

TEST(AskAhead, AChallengeIsAnswered) {
  ScriptedRegistry registry(
      [](const SeenRequest& request) {
        if (!request.header("authorization").empty()) return Answer{404, ""};
        return Answer{401, "", {"WWW-Authenticate: Basic realm=\"r\""}};
      },
      auth::Credential{.username = "u", .password = "s3cret", .identity_token = ""});
  const auto descriptor = head(registry);
  ASSERT_TRUE(descriptor) << descriptor.error().describe();
  EXPECT_THAT(registry.targets(), ElementsAre(kHead, kHead));
}

TEST(AskAhead, ARegistryThatAskedForLessIsNotAskedAhead) {
  int count = 0;
  ScriptedRegistry registry([&](const SeenRequest&) { return Answer{++count == 1 ? 429 : 404, ""}; });
  ASSERT_TRUE(registry.client().head_manifest(registry.caller(), "team/app", "v1", false));
  EXPECT_EQ(registry.client().head_manifest_ahead(registry.caller(), "team/app", "v1", false), nullptr);
  EXPECT_THAT(registry.targets(), SizeIs(2));
}

}  // namespace
}  // namespace freightliner::registry
