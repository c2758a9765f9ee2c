// A registry on loopback may speak http: that is found out ahead of the first request.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/scripted_registry.h"

namespace freightliner::registry {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::ElementsAre;
using testing::IsEmpty;

ScriptedRegistry::Answer empty_list(const SeenRequest& /*request*/) {
  return {200, R"({"name":"app","tags":[]})"};
}

TEST(Greet, FindsOutThatARegistryOnLoopbackSpeaksHttpWithoutARequest) {
  ScriptedRegistry registry(empty_list);
  RegistryOptions options = registry.options();
  options.plain_http = false;
  RegistryClient client(options, registry.authenticator(), registry.services());

  client.greet(registry.caller());
  EXPECT_EQ(registry.server().connections(), 1);
  EXPECT_THAT(registry.targets(), IsEmpty());

  EXPECT_TRUE(client.tags(registry.caller(), "app", false));
  EXPECT_EQ(registry.server().connections(), 2) << "the first request does not try TLS again";
  EXPECT_THAT(registry.targets(), ElementsAre("GET /v2/app/tags/list?n=1000"));
}

TEST(Greet, DoesNotConnectWhereHttpIsAskedFor) {
  ScriptedRegistry registry(empty_list);
  registry.client().greet(registry.caller());
  EXPECT_EQ(registry.server().connections(), 0);
}

}  // namespace
}  // namespace freightliner::registry
