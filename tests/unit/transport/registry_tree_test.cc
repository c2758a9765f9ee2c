#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "freightliner/transport/image_tree.h"
#include "support/scripted_registry.h"

namespace freightliner::transport {
namespace {

using test::ScriptedRegistry;
using test::SeenRequest;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Answer = ScriptedRegistry::Answer;

const oci::Digest kDigest = oci::Digest::parse("sha256:" + std::string(64, 'a')).value();

class RegistryTree : public testing::Test {
 protected:
  void serve(test::ScriptedServer::Handler handler) {
    registry_ = std::make_unique<ScriptedRegistry>(std::move(handler));
  }
  void serve(const std::string& body) {
    serve([body](const SeenRequest&) { return Answer{200, body}; });
  }
  std::unique_ptr<ImageTree> tree(const std::string& prefix = "") {
    return make_registry_tree(registry_->client(), TreeName{.registry = registry_->server().host(), .prefix = prefix},
                              Logger(&registry_->log(), LogLevel::kWarn));
  }
  std::vector<std::string> repositories(const std::string& prefix = "") {
    const auto names = tree(prefix)->repositories(registry_->caller());
    EXPECT_TRUE(names) << names.error().describe();
    return names && *names ? **names : std::vector<std::string>{"(none)"};
  }

  std::unique_ptr<ScriptedRegistry> registry_;
};

TEST_F(RegistryTree, ListsWhatIsBelowThePrefix) {
  serve(R"({"repositories":["team","teams/x","team/b","team/a/c","other","team/b","ateam/x"]})");
  EXPECT_THAT(repositories(), ElementsAre("ateam/x", "other", "team", "team/a/c", "team/b", "teams/x"));
  EXPECT_THAT(repositories("team"), ElementsAre("team", "team/a/c", "team/b"));
  EXPECT_THAT(repositories("team/a"), ElementsAre("team/a/c"));
  EXPECT_THAT(repositories("tea"), IsEmpty());
  EXPECT_THAT(registry_->log().lines(), IsEmpty());
}

TEST_F(RegistryTree, PassesOverBadRepositoriesWithAWarning) {
  serve(R"({"repositories":["good","../evil","Upper","a//b","/abs","x\u0000y","a:b",""]})");
  EXPECT_THAT(repositories(), ElementsAre("good"));
  EXPECT_THAT(registry_->log().lines(), SizeIs(7));
  EXPECT_THAT(registry_->log().lines(), Contains(HasSubstr("\"../evil\" is passed over")));
}

TEST_F(RegistryTree, TheNumberOfWarningsIsBounded) {
  std::string names;
  for (int i = 0; i < 1000; ++i) names += (i == 0 ? "\"" : ",\"") + std::string("BAD") + std::to_string(i) + '"';
  serve(R"({"repositories":[)" + names + "]}");
  EXPECT_THAT(repositories(), IsEmpty());
  EXPECT_THAT(registry_->log().lines(), SizeIs(11));
}

TEST_F(RegistryTree, TagsAreSortedUniqueAndValid) {
  serve(R"({"tags":["v2","../x","a/b","v1","v2","nul\u0000","sha256-abc.sig","-x",""]})");
  const auto tags = tree()->tags(registry_->caller(), "team/app").value().value();
  std::vector<std::string> names;
  for (const ListedTag& tag : tags) {
    names.push_back(tag.name);
    EXPECT_FALSE(tag.digest);
  }
  EXPECT_THAT(names, ElementsAre("sha256-abc.sig", "v1", "v2"));
  EXPECT_THAT(registry_->log().lines(), SizeIs(5));
}

TEST_F(RegistryTree, NoCatalogAndNoRepositoryAreAbsence) {
  serve([](const SeenRequest&) { return Answer{404, ""}; });
  EXPECT_FALSE(tree()->repositories(registry_->caller()).value());
  EXPECT_FALSE(tree()->tags(registry_->caller(), "app").value());
}

TEST_F(RegistryTree, OpensImagesByTagAndDigest) {
  serve("{}");
  const auto all = tree("team");
  const std::string host = registry_->server().host();
  EXPECT_EQ(all->source("team/app", "v1").value()->name(), "docker://" + host + "/team/app:v1");
  EXPECT_EQ(all->source("team/app", kDigest.to_string()).value()->name(),
            "docker://" + host + "/team/app@" + kDigest.to_string());
  EXPECT_EQ(all->destination("team/app", "v1").value()->tag(), "v1");
  EXPECT_EQ(all->destination("team/app", kDigest.to_string()).value()->pinned_digest(), kDigest);
  EXPECT_THAT(registry_->server().requests(), IsEmpty());
}

TEST_F(RegistryTree, HostileNamesAreNeverAskedFor) {
  serve("{}");
  const auto all = tree();
  for (const std::string name : {"", "../x", "A", "a/", "a?b", "a:b", "a@b"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(all->tags(registry_->caller(), name).error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->source(name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->destination(name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->remove_tag(registry_->caller(), name, "v1").error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->remove_manifest(registry_->caller(), name, kDigest).error().code(), ErrorCode::kUsage);
  }
  for (const std::string tag : {"", "../x", "a/b", "a b", "sha256:x", "v1@sha256:x"}) {
    SCOPED_TRACE(tag);
    EXPECT_EQ(all->source("app", tag).error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->destination("app", tag).error().code(), ErrorCode::kUsage);
    EXPECT_EQ(all->remove_tag(registry_->caller(), "app", tag).error().code(), ErrorCode::kUsage);
  }
  EXPECT_EQ(all->remove_tag(registry_->caller(), "app", kDigest.to_string()).error().code(), ErrorCode::kUsage)
      << "that would delete the manifest";
  EXPECT_THAT(registry_->server().requests(), IsEmpty());
}

TEST_F(RegistryTree, DockerHubsOwnImagesHaveALongName) {
  serve("{}");
  const auto hub = make_registry_tree(registry_->client(), TreeName{.registry = "docker.io"}, Logger());
  EXPECT_EQ(hub->source("alpine", "3").value()->name(), "docker://docker.io/library/alpine:3");
  EXPECT_EQ(hub->source("team/app", "3").value()->name(), "docker://docker.io/team/app:3");
}

TEST_F(RegistryTree, RemovesTags) {
  const std::map<int, bool> outcomes = {{202, true}, {404, true}, {400, false}, {405, false}};
  for (const auto& [status, removed] : outcomes) {
    serve([status = status](const SeenRequest&) { return Answer{status, ""}; });
    EXPECT_EQ(tree()->remove_tag(registry_->caller(), "app", "v1").value(), removed) << status;
    EXPECT_EQ(registry_->targets().at(0), "DELETE /v2/app/manifests/v1");
  }
  serve([](const SeenRequest&) { return Answer{403, ""}; });
  EXPECT_EQ(tree()->remove_tag(registry_->caller(), "app", "v1").error().code(), ErrorCode::kDenied);
}

TEST_F(RegistryTree, RemovesManifests) {
  for (const int status : {202, 404}) {
    serve([=](const SeenRequest&) { return Answer{status, ""}; });
    EXPECT_TRUE(tree()->remove_manifest(registry_->caller(), "app", kDigest)) << status;
    EXPECT_EQ(registry_->targets().at(0), "DELETE /v2/app/manifests/" + kDigest.to_string());
  }
  for (const int status : {403, 405}) {
    serve([=](const SeenRequest&) { return Answer{status, ""}; });
    EXPECT_EQ(tree()->remove_manifest(registry_->caller(), "app", kDigest).error().code(), ErrorCode::kDenied)
        << status;
  }
}

}  // namespace
}  // namespace freightliner::transport
