#include "freightliner/auth/credential_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "auth/helper_scripts.h"

namespace freightliner::auth {
namespace {

class RecordingSink final : public LogSink {
 public:
  void write(LogLevel level, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    if (level == LogLevel::kWarn) warnings_.emplace_back(message);
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> warnings_;
};

std::string entry(const std::string& registry, const std::string& user) {
  return "\"" + registry + R"(":{"username":")" + user + R"(","password":"s3cret"})";
}

class CredentialStoreTest : public testing::Test {
 protected:
  CredentialStoreOptions options() const {
    CredentialStoreOptions result;
    result.helper_path = directory_.path().string() + ":/usr/bin:/bin";
    result.default_files = {directory_.path() / "absent.json", directory_.path() / "first.json",
                            directory_.path() / "second.json"};
    return result;
  }
  std::string user(CredentialStore& store, const std::string& registry, const std::string& repository = "x") {
    const auto found = store.find(registry, repository);
    if (!found) return "!" + found.error().message();
    return found->has_value() ? (*found)->username : "-";
  }
  // A helper that answers with `user` and counts how often it ran.
  void counting_helper(const std::string& name, const std::string& user_name) {
    write_helper(directory_, name,
                 "echo x >> " + count_file(name) + R"(; echo '{"Username":")" + user_name + R"(","Secret":"s3cret"}')");
  }
  std::string count_file(const std::string& name) const { return (directory_.path() / (name + ".count")).string(); }
  long runs(const std::string& name) const {
    std::ifstream file(count_file(name));
    return std::count(std::istreambuf_iterator<char>(file), {}, 'x');
  }

  test::TemporaryDirectory directory_;
  RecordingSink sink_;
  Logger log_{&sink_, LogLevel::kDebug};
};

TEST_F(CredentialStoreTest, WithoutFilesEverythingIsAnonymous) {
  CredentialStore store(options(), log_);
  EXPECT_EQ(user(store, "reg.example"), "-");
}

TEST_F(CredentialStoreTest, TheExplicitCredentialIsForEveryRepository) {
  directory_.write("first.json", "{broken");
  CredentialStoreOptions with_explicit = options();
  with_explicit.explicit_credential = Credential{"me", "s3cret", ""};
  CredentialStore store(with_explicit, log_);
  EXPECT_EQ(user(store, "reg.example"), "me");
  EXPECT_EQ(store.places(), "the user name and password that were given");
}

TEST_F(CredentialStoreTest, FilesAreSearchedInOrder) {
  directory_.write("first.json", "{\"auths\":{" + entry("a.example", "first") + "}}");
  directory_.write("second.json",
                   "{\"auths\":{" + entry("a.example", "second") + "," + entry("b.example", "second") + "}}");
  CredentialStore store(options(), log_);
  EXPECT_EQ(user(store, "a.example"), "first");
  EXPECT_EQ(user(store, "b.example"), "second");
  EXPECT_EQ(user(store, "c.example"), "-");
  EXPECT_EQ(user(store, "A.Example"), "first");
}

TEST_F(CredentialStoreTest, AFileIsReadOnce) {
  directory_.write("first.json", "{\"auths\":{" + entry("a.example", "old") + "}}");
  CredentialStore store(options(), log_);
  EXPECT_EQ(user(store, "a.example"), "old");
  directory_.write("first.json", "{\"auths\":{" + entry("a.example", "new") + "}}");
  EXPECT_EQ(user(store, "a.example"), "old");
}

TEST_F(CredentialStoreTest, TheNamedFileIsTheOnlyOne) {
  directory_.write("first.json", "{\"auths\":{" + entry("a.example", "first") + "}}");
  CredentialStoreOptions named = options();
  named.authfile = directory_.write("named.json", "{\"auths\":{" + entry("b.example", "named") + "}}");
  CredentialStore store(named, log_);
  EXPECT_EQ(user(store, "a.example"), "-");
  EXPECT_EQ(user(store, "b.example"), "named");
  EXPECT_EQ(store.places(), named.authfile.string());
}

TEST_F(CredentialStoreTest, ANamedFileThatIsMissingIsAUsageError) {
  CredentialStoreOptions named = options();
  named.authfile = directory_.path() / "nowhere.json";
  CredentialStore store(named, log_);
  const auto found = store.find("a.example", "x");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kUsage);
  EXPECT_NE(found.error().message().find("nowhere.json"), std::string::npos);
}

TEST_F(CredentialStoreTest, ABrokenFileIsAnErrorAndNotPassedOver) {
  directory_.write("first.json", "{broken");
  directory_.write("second.json", "{\"auths\":{" + entry("a.example", "second") + "}}");
  CredentialStore store(options(), log_);
  for (int i = 0; i < 2; ++i) {
    const auto found = store.find("a.example", "x");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), ErrorCode::kAuthentication);
    EXPECT_NE(found.error().message().find("first.json"), std::string::npos);
  }
}

TEST_F(CredentialStoreTest, WhatIsNoReadableFileIsAnError) {
  std::filesystem::create_directories(directory_.path() / "first.json");
  CredentialStore store(options(), log_);
  const auto found = store.find("a.example", "x");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kAuthentication);
}

TEST_F(CredentialStoreTest, AFileAboveTheLimitIsRefused) {
  directory_.write("first.json", "{\"auths\":{}}" + std::string(1024 * 1024, ' '));
  CredentialStore store(options(), log_);
  const auto found = store.find("a.example", "x");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), ErrorCode::kAuthentication);
}

TEST_F(CredentialStoreTest, WarnsOnceOfAFileThatOthersCanRead) {
  directory_.write("first.json", "{\"auths\":{" + entry("a.example", "u") + "}}", 0644);
  directory_.write("second.json", "{}", 0600);
  CredentialStore store(options(), log_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(user(store, "b.example"), "-");
  const auto warnings = sink_.warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("first.json"), std::string::npos);
  EXPECT_NE(warnings[0].find("0644"), std::string::npos);
  EXPECT_EQ(warnings[0].find("s3cret"), std::string::npos);
}

TEST_F(CredentialStoreTest, HelpersAndEntriesHaveAnOrder) {
  counting_helper("own", "from-own");
  counting_helper("store", "from-store");
  write_helper(directory_, "none", "echo 'credentials not found in native keychain'; exit 1");
  directory_.write("first.json", R"({"credsStore":"store","credHelpers":{"a.example":"own","b.example":"none",
      "d.example":"","f.example":"none"},"auths":{)" +
                                     entry("a.example", "entry") + "," + entry("b.example", "entry") + "," +
                                     entry("c.example", "entry") + "," + R"("e.example":{}}})");
  CredentialStore store(options(), log_);
  EXPECT_EQ(user(store, "a.example"), "from-own");    // credHelpers before auths
  EXPECT_EQ(user(store, "b.example"), "entry");       // the helper has nothing
  EXPECT_EQ(user(store, "c.example"), "entry");       // auths before credsStore
  EXPECT_EQ(user(store, "d.example"), "-");           // an empty name: no helper at all
  EXPECT_EQ(user(store, "e.example"), "from-store");  // docker leaves an empty entry where the store holds the secret
  EXPECT_EQ(user(store, "f.example"), "-");           // its own helper instead of the store
  EXPECT_EQ(runs("own"), 1);
}

TEST_F(CredentialStoreTest, HelperAnswersAreKept) {
  counting_helper("store", "u");
  directory_.write("first.json", R"({"credsStore":"store"})");
  CredentialStore store(options(), log_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(user(store, "a.example", std::to_string(i)), "u");
  EXPECT_EQ(runs("store"), 1);
  EXPECT_EQ(user(store, "b.example"), "u");
  EXPECT_EQ(runs("store"), 2);
}

TEST_F(CredentialStoreTest, AFailingHelperIsAnErrorWithoutAFallback) {
  write_helper(directory_, "bad", "echo x >> " + count_file("bad") + "; echo locked >&2; exit 1");
  directory_.write("first.json",
                   R"({"credHelpers":{"a.example":"bad"},"auths":{)" + entry("a.example", "entry") + "}}");
  CredentialStore store(options(), log_);
  for (int i = 0; i < 2; ++i) {
    const auto found = store.find("a.example", "x");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), ErrorCode::kAuthentication);
    EXPECT_NE(found.error().message().find("locked"), std::string::npos);
  }
  EXPECT_EQ(runs("bad"), 1);
}

TEST_F(CredentialStoreTest, DockerHubIsAskedForByBothNames) {
  const std::string asked = (directory_.path() / "asked").string();
  write_helper(directory_, "hub", "read -r s; echo \"$s\" >> " + asked + R"(; if [ "$s" = docker.io ]; then
      echo '{"Username":"podman","Secret":"s3cret"}'; else echo 'credentials not found in native keychain'; exit 1; fi)");
  directory_.write("first.json", R"({"credHelpers":{"docker.io":"hub"}})");
  CredentialStore store(options(), log_);
  EXPECT_EQ(user(store, "docker.io", "library/alpine"), "podman");
  EXPECT_EQ(user(store, "registry-1.docker.io", "library/alpine"), "podman");
  std::ifstream file(asked);
  std::string first;
  std::string second;
  std::string third;
  file >> first >> second >> third;
  EXPECT_EQ(first, "https://index.docker.io/v1/");
  EXPECT_EQ(second, "docker.io");
  EXPECT_EQ(third, "");
}

TEST_F(CredentialStoreTest, ManyThreadsStartOneHelper) {
  counting_helper("store", "u");
  directory_.write("first.json", R"({"credsStore":"store"})");
  CredentialStore store(options(), log_);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      if (user(store, "a.example") == "u") ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 16);
  EXPECT_EQ(runs("store"), 1);
}

TEST(DefaultAuthFiles, Table) {
  using Environment = std::map<std::string, std::string>;
  using Paths = std::vector<std::filesystem::path>;
  const std::pair<Environment, Paths> cases[] = {
      {{}, {}},
      {{{"HOME", "/h"}}, {"/h/.config/containers/auth.json", "/h/.docker/config.json"}},
      {{{"HOME", "/h"}, {"XDG_RUNTIME_DIR", "/run/user/1"}},
       {"/run/user/1/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"}},
      {{{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/c"}, {"DOCKER_CONFIG", "/d"}},
       {"/c/containers/auth.json", "/d/config.json"}},
      {{{"HOME", "/h"}, {"XDG_CONFIG_HOME", ""}, {"DOCKER_CONFIG", ""}, {"XDG_RUNTIME_DIR", ""}},
       {"/h/.config/containers/auth.json", "/h/.docker/config.json"}},
      {{{"HOME", "/h"}, {"XDG_CONFIG_HOME", "c"}, {"DOCKER_CONFIG", "d"}, {"XDG_RUNTIME_DIR", "r"}},
       {"/h/.config/containers/auth.json", "d/config.json"}},
      {{{"DOCKER_CONFIG", "/d"}}, {"/d/config.json"}},
  };
  for (const auto& item : cases) {
    const Environment& environment = item.first;
    const auto look_up = [&](const char* name) -> std::optional<std::string> {
      const auto it = environment.find(name);
      if (it == environment.end()) return std::nullopt;
      return it->second;
    };
    EXPECT_EQ(default_auth_files(look_up), item.second);
  }
}

}  // namespace
}  // namespace freightliner::auth
