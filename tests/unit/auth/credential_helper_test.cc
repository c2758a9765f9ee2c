#include "auth/credential_helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "auth/helper_process.h"
#include "auth/helper_scripts.h"

namespace freightliner::auth {
namespace {

using std::chrono::steady_clock;

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A zombie that nobody reaps counts as ended.
bool is_running(const std::string& pid) {
  const std::string stat = contents("/proc/" + pid + "/stat");
  return !stat.empty() && stat.find(") Z") == std::string::npos && stat.find(") X") == std::string::npos;
}

class CredentialHelperTest : public testing::Test {
 protected:
  Result<std::optional<Credential>> ask(const std::string& body, const std::string& server = "reg.example:5000") {
    write_helper(directory_, "test", body);
    return ask_helper("test", server, {directory_.path().string() + ":/usr/bin:/bin", Duration(10'000)});
  }
  void expect_failure(const Result<std::optional<Credential>>& answer, const std::string& part) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), ErrorCode::kAuthentication);
    EXPECT_NE(answer.error().message().find(part), std::string::npos) << answer.error().message();
    EXPECT_EQ(answer.error().message().find("s3cret"), std::string::npos) << answer.error().message();
  }

  test::TemporaryDirectory directory_;
};

TEST(HelperName, Table) {
  for (const char* name : {"pass", "ecr-login", "osxkeychain", "a.b_c-9", "gcloud"})
    EXPECT_TRUE(is_valid_helper_name(name));
  for (const char* name : {"", "a/b", "../x", "a b", "a;b", "$(x)", "a\nb", "\xC3\xA9"}) {
    EXPECT_FALSE(is_valid_helper_name(name)) << name;
  }
}

TEST_F(CredentialHelperTest, SpeaksTheProtocol) {
  const auto answer = ask(R"(read -r server; echo "$1 $server" > ")" + directory_.path().string() +
                          R"(/asked"; echo '{"ServerURL":"reg.example","Username":"u","Secret":"s3cret"}')");
  ASSERT_TRUE(answer) << answer.error().message();
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->username, "u");
  EXPECT_EQ((*answer)->password, "s3cret");
  EXPECT_EQ((*answer)->identity_token, "");
  EXPECT_EQ((*answer)->source, "credential helper docker-credential-test");
  EXPECT_EQ(contents(directory_.path() / "asked"), "get reg.example:5000\n");
}

TEST_F(CredentialHelperTest, ATokenUserIsAnIdentityToken) {
  const auto answer = ask(R"(echo '{"ServerURL":"r","Username":"<token>","Secret":"s3cret"}')");
  ASSERT_TRUE(answer && answer->has_value());
  EXPECT_EQ((*answer)->username, "");
  EXPECT_EQ((*answer)->password, "");
  EXPECT_EQ((*answer)->identity_token, "s3cret");
}

TEST_F(CredentialHelperTest, NotFoundIsNoError) {
  for (const char* body : {"echo 'credentials not found in native keychain'; exit 1",
                           "echo 'credentials not found in native keychain' >&2; exit 1",
                           R"(echo '{"ServerURL":"r","Username":"","Secret":""}')"}) {
    const auto answer = ask(body);
    ASSERT_TRUE(answer) << body << answer.error().message();
    EXPECT_FALSE(answer->has_value()) << body;
  }
}

TEST_F(CredentialHelperTest, FailuresAreErrors) {
  expect_failure(ask("echo 'the keychain is locked' >&2; exit 1"), "exit status 1: the keychain is locked");
  expect_failure(ask("echo 'not logged in'; exit 3"), "exit status 3: not logged in");
  expect_failure(ask("exit 7"), "exit status 7");
  expect_failure(ask("kill -9 $$"), "exit status 137");
  expect_failure(ask("echo 'credentials not found in native keychain'; exit 2"), "exit status 2");
  expect_failure(ask(R"(printf 'a\033[31mb\n' >&2; exit 1)"), R"(a\x1b[31mb)");
  expect_failure(ask(""), "not a JSON object");
  expect_failure(ask("echo credentials not found in native keychain"), "not a JSON object");
  expect_failure(ask("echo '[]'"), "not a JSON object");
  expect_failure(ask(R"(echo '{"Username":"u","Secret":"s3cret"')"), "not a JSON object");
  expect_failure(ask(R"(echo '{"Username":"u","Secret":"s3cret"} {}')"), "not a JSON object");
  expect_failure(ask(R"(echo '{"Username":"u"}')"), "no Username and Secret");
  expect_failure(ask(R"(echo '{"Username":7,"Secret":"s3cret"}')"), "no Username and Secret");
  expect_failure(ask(R"(echo '{"Username":"u","Secret":""}')"), "empty Secret");
}

TEST_F(CredentialHelperTest, ASecretIsNotShownAsADiagnosis) {
  expect_failure(ask(R"(echo '{"Username":"u","Secret":"s3cret"}'; exit 1)"), "exit status 1");
  expect_failure(ask(R"(echo '{"Username":"u","Secret":"s3cret"}' >&2; exit 1)"), "exit status 1");
}

TEST_F(CredentialHelperTest, AMissingHelperIsAnError) {
  const auto answer = ask_helper("absent", "r", {directory_.path().string(), Duration(1000)});
  expect_failure(answer, "docker-credential-absent");
  expect_failure(answer, "not installed");
}

TEST_F(CredentialHelperTest, OnlyExecutableFilesInAbsoluteDirectoriesCount) {
  directory_.write("docker-credential-plain", "#!/bin/sh\n", 0600);
  std::filesystem::create_directories(directory_.path() / "docker-credential-dir");
  for (const char* name : {"plain", "dir"}) {
    expect_failure(ask_helper(name, "r", {directory_.path().string(), Duration(1000)}), "not installed");
  }
  write_helper(directory_, "here", "echo");
  const std::string relative = std::filesystem::relative(directory_.path()).string();
  expect_failure(ask_helper("here", "r", {relative + "::.", Duration(1000)}), "not installed");
}

TEST_F(CredentialHelperTest, WhatIsNoProgramIsAnError) {
  directory_.write("docker-credential-broken", "no program at all", 0700);
  expect_failure(ask_helper("broken", "r", {directory_.path().string(), Duration(1000)}), "cannot start");
}

TEST_F(CredentialHelperTest, BadNamesAreRefusedBeforeAnythingRuns) {
  const std::string proof = (directory_.path() / "ran").string();
  for (const char* server : {"a\nb", "a\rb", "", "a b", "a\x7f"})
    expect_failure(ask("touch " + proof, server), "server name");
  expect_failure(ask("touch " + proof, std::string(5000, 'x')), "server name");
  expect_failure(ask_helper("../test", "r", {directory_.path().string(), Duration(1000)}),
                 "no name of a credential helper");
  EXPECT_FALSE(std::filesystem::exists(proof));
}

TEST_F(CredentialHelperTest, AHangingHelperIsEndedWithItsChildren) {
  const std::string pids = (directory_.path() / "pids").string();
  write_helper(directory_, "test", "sleep 1000 & echo $! >> " + pids + "; echo $$ >> " + pids + "; wait");
  const auto start = steady_clock::now();
  const auto answer = ask_helper("test", "r", {directory_.path().string() + ":/usr/bin:/bin", Duration(700)});
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
  expect_failure(answer, "no answer within 700 ms");
  std::istringstream lines(contents(pids));
  std::string pid;
  int count = 0;
  while (lines >> pid) {
    ++count;
    for (int i = 0; i < 500 && is_running(pid); ++i) std::this_thread::sleep_for(Duration(10));
    EXPECT_FALSE(is_running(pid)) << pid;
  }
  EXPECT_EQ(count, 2);
}

TEST_F(CredentialHelperTest, OutputIsBounded) {
  const auto start = steady_clock::now();
  expect_failure(ask("while :; do echo 0123456789012345678901234567890123456789; done"), "wrote more than 64.0 KiB");
  expect_failure(ask("head -c 65537 /dev/zero"), "wrote more than 64.0 KiB");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(CredentialHelperTest, DiagnosticsAreCutAndNeverBlockTheHelper) {
  const auto answer = ask(R"(head -c 300000 /dev/zero | tr '\0' x >&2; echo '{"Username":"u","Secret":"s3cret"}')");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->has_value());
  const auto failed = ask(R"(head -c 300000 /dev/zero | tr '\0' x >&2; exit 1)");
  ASSERT_FALSE(failed);
  EXPECT_LT(failed.error().message().size(), 700U);
}

TEST_F(CredentialHelperTest, EndlessDiagnosticsEndAtTheTimeout) {
  write_helper(directory_, "test", "while :; do echo 01234567890123456789012345678901234567890123456789 >&2; done");
  const auto start = steady_clock::now();
  expect_failure(ask_helper("test", "r", {directory_.path().string() + ":/usr/bin:/bin", Duration(300)}), "no answer");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
}

TEST_F(CredentialHelperTest, AChildThatKeepsTheOutputOpenIsNotWaitedFor) {
  const std::string pid_file = (directory_.path() / "pid").string();
  const auto start = steady_clock::now();
  const auto answer = ask("sleep 30 & echo $! > " + pid_file + R"(; echo '{"Username":"u","Secret":"s3cret"}')");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(8));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->has_value());
  const int pid = std::stoi(contents(pid_file));
  EXPECT_EQ(kill(pid, SIGKILL), 0);
}

TEST_F(CredentialHelperTest, AHelperThatIgnoresItsInputIsFine) {
  const auto answer = ask(R"(exec 0<&-; echo '{"Username":"u","Secret":"s3cret"}')");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->has_value());
}

TEST_F(CredentialHelperTest, InheritsNeitherDescriptorsNorPasswords) {
  const std::filesystem::path secret = directory_.write("secret", "s3cret");
  const int open_fd = open(secret.c_str(), O_RDONLY);  // on purpose without O_CLOEXEC
  ASSERT_GE(open_fd, 0);
  setenv("FREIGHTLINER_SRC_PASSWORD", "s3cret", 1);
  setenv("FREIGHTLINER_TEST_OTHER", "kept", 1);
  const std::string seen = (directory_.path() / "seen").string();
  const auto answer =
      ask("ls -l /proc/$$/fd > " + seen + "; env >> " + seen + R"(; echo '{"Username":"u","Secret":"x"}')");
  unsetenv("FREIGHTLINER_SRC_PASSWORD");
  unsetenv("FREIGHTLINER_TEST_OTHER");
  close(open_fd);
  ASSERT_TRUE(answer) << answer.error().message();
  const std::string text = contents(seen);
  EXPECT_EQ(text.find(secret.string()), std::string::npos) << text;
  EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  EXPECT_NE(text.find("FREIGHTLINER_TEST_OTHER=kept"), std::string::npos) << text;
}

TEST(RunHelper, WorksWithTheStandardDescriptorsClosed) {
  const test::TemporaryDirectory directory;
  write_helper(directory, "test", "cat; echo oops >&2");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (int fd = 0; fd < 3; ++fd) close(fd);
    const auto output = run_helper(directory.path() / "docker-credential-test", "get", "hello", Duration(10'000));
    _exit(output && output->out == "hello" && output->err == "oops\n" && output->status == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace freightliner::auth
