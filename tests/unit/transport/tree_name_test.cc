#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "freightliner/transport/image_tree.h"
#include "support/temporary_directory.h"

namespace freightliner::transport {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TreeName, TakesRegistriesAndPrefixes) {
  struct Case {
    std::string text;
    std::string registry;
    std::string prefix;
    std::string shown;
  };
  const std::vector<Case> cases = {
      {"localhost:5000", "localhost:5000", "", "localhost:5000"},
      {"localhost", "localhost", "", "localhost"},
      {"LocalHost:5000/team", "localhost:5000", "team", "localhost:5000/team"},
      {"docker://registry.example.com/team/sub", "registry.example.com", "team/sub", "registry.example.com/team/sub"},
      {"registry.example.com/", "registry.example.com", "", "registry.example.com"},
      {"registry.example.com/team/", "registry.example.com", "team", "registry.example.com/team"},
      {"127.0.0.1:80", "127.0.0.1:80", "", "127.0.0.1:80"},
      {"[::1]:5000/a", "[::1]:5000", "a", "[::1]:5000/a"},
      {"docker.io/library", "docker.io", "library", "docker.io/library"},
      {"index.docker.io", "docker.io", "", "docker.io"},
      {"registry:5000/a.b/c__d/e-f", "registry:5000", "a.b/c__d/e-f", "registry:5000/a.b/c__d/e-f"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.text);
    const auto name = TreeName::parse(test.text);
    ASSERT_TRUE(name) << name.error().describe();
    EXPECT_TRUE(name->is_registry());
    EXPECT_EQ(name->registry, test.registry);
    EXPECT_EQ(name->prefix, test.prefix);
    EXPECT_EQ(name->to_string(), test.shown);
    EXPECT_EQ(TreeName::parse(name->to_string())->to_string(), test.shown);
  }
}

TEST(TreeName, TakesDirectories) {
  for (const std::string path : {"dir", "/srv/mirror", "./a b", "../x", "a/b/"}) {
    SCOPED_TRACE(path);
    const auto name = TreeName::parse("oci-tree:" + path);
    ASSERT_TRUE(name) << name.error().describe();
    EXPECT_FALSE(name->is_registry());
    EXPECT_EQ(name->directory, path);
    EXPECT_EQ(name->to_string(), "oci-tree:" + path);
  }
}

std::optional<std::string> place_of(const std::string& inner, const std::string& outer) {
  return TreeName::parse(inner)->place_in(*TreeName::parse(outer));
}

TEST(TreeName, TellsWhereItLiesInAnotherRegistry) {
  EXPECT_EQ(place_of("reg.example/team", "reg.example"), "team");
  EXPECT_EQ(place_of("reg.example/mirror/team", "docker://REG.example/mirror/"), "mirror/team");
  EXPECT_EQ(place_of("reg.example/team", "reg.example/team"), "team");
  EXPECT_EQ(place_of("reg.example", "reg.example"), "");
  EXPECT_EQ(place_of("reg.example:443/team", "reg.example"), "team");
  EXPECT_EQ(place_of("index.docker.io/library", "docker.io:443"), "library");
  EXPECT_EQ(place_of("reg.example", "reg.example/team"), std::nullopt);
  EXPECT_EQ(place_of("reg.example/teams", "reg.example/team"), std::nullopt);
  EXPECT_EQ(place_of("reg.example/team", "other.example"), std::nullopt);
  EXPECT_EQ(place_of("reg.example:5000/team", "reg.example"), std::nullopt);
  EXPECT_EQ(place_of("reg.example/team", "oci-tree:reg.example"), std::nullopt);
}

TEST(TreeName, TellsWhereItLiesInAnotherDirectory) {
  const test::TemporaryDirectory home;
  const std::string top = "oci-tree:" + home.path().string();
  std::filesystem::create_directories(home.path() / "tree/team");
  std::filesystem::create_directory_symlink(home.path() / "tree", home.path() / "link");
  EXPECT_EQ(place_of(top + "/tree/team", top + "/tree"), "team");
  EXPECT_EQ(place_of(top + "/link/team", top + "/tree/"), "team");
  EXPECT_EQ(place_of(top + "/tree/team/../not/there", top + "/link"), "not/there");
  EXPECT_EQ(place_of(top + "/tree/", top + "/link"), "");
  EXPECT_EQ(place_of(top + "/tree", top + "/tree/team"), std::nullopt);
  EXPECT_EQ(place_of(top + "/trees", top + "/tree"), std::nullopt);
  EXPECT_EQ(place_of("oci-tree:none-yet/team", "oci-tree:."), "none-yet/team");
  EXPECT_EQ(place_of("oci-tree:none-yet/team", "oci-tree:none-yet"), "team");
}

TEST(TreeName, SaysWhatToWriteInstead) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "HOST[:PORT][/PREFIX]"},
      {"docker://", "HOST[:PORT][/PREFIX]"},
      {"team/app", "docker.io/team"},
      {"Dir:1/b", "names one image"},
      {"OCI-Tree:1/b", "oci-tree:DIRECTORY"},
      {"alpine", "docker.io/alpine"},
      {"localhost:5000/app:v1", "no tag"},
      {"localhost:5000/app" + digest, "no digest"},
      {"localhost:5000/app:v1" + digest, "no tag"},
      {"localhost:5000/team/*", "--include-repo"},
      {"localhost:5000/Team", "no repository name"},
      {"localhost:5000/a//b", "no repository name"},
      {"localhost:5000//", "no repository name"},
      {"localhost:5000/../x", "no repository name"},
      {"localhost:99999", "port"},
      {"localhost:", "port"},
      {".example.com", "path"},
      {"host_name.example.com", "host name"},
      {"https://registry.example.com/team", "scheme"},
      {"docker://docker://host:1", "scheme"},
      {"oci:dir", "oci-tree:"},
      {"oci-archive:x.tar", "oci-tree:"},
      {"docker-archive:x.tar", "oci-tree:"},
      {"containers-storage:x", "oci-tree:"},
      {"dir:x", "oci-tree:"},
      {"/srv/mirror", "oci-tree:/srv/mirror"},
      {"./mirror", "oci-tree:./mirror"},
      {"~/mirror", "oci-tree:~/mirror"},
      {"oci-tree:", "names no directory"},
      {"oci-tree:dir:v1", "neither tag nor digest"},
      {"oci-tree:dir" + digest, "neither tag nor digest"},
      {"oci-tree://host/x", "path"},
      {std::string("oci-tree:a\0b", 12), "NUL"},
  };
  for (const auto& [text, hint] : cases) {
    SCOPED_TRACE(text);
    const auto name = TreeName::parse(text);
    ASSERT_FALSE(name) << name->to_string();
    EXPECT_EQ(name.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(name.error().describe(), HasSubstr(hint));
  }
}

TEST(TreeName, APasswordIsNotRepeated) {
  for (const std::string text : {"user:hunter2@host.example.com/x", "https://user:hunter2@host.example.com/x"}) {
    const auto name = TreeName::parse(text);
    ASSERT_FALSE(name);
    EXPECT_EQ(name.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(name.error().describe(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace freightliner::transport
