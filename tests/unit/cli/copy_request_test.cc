#include "cli/copy_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

const std::string kDigestA = "sha256:" + std::string(64, 'a');
const std::string kDigestB = "sha256:" + std::string(64, 'b');

Result<CopyRequest> request_of(const Words& words, const std::map<std::string, std::string>& variables = {},
                               const std::string& standard_input = "") {
  Pipe input;
  static_cast<void>(::write(input.write_end(), standard_input.data(), standard_input.size()) < 0);
  input.close_write();
  const EnvironmentLookup environment = environment_of(variables);
  FL_TRY(const Arguments arguments, parse_arguments(kCopyCommand, words));
  FL_TRY(const Settings settings, Settings::resolve(kCopyCommand, arguments, environment));
  return make_copy_request(settings, arguments.operands, environment, input.read_end());
}

void expect_usage_error(const Words& words, const std::string& message,
                        const std::map<std::string, std::string>& variables = {}, const std::string& input = "") {
  const auto request = request_of(words, variables, input);
  ASSERT_FALSE(request.has_value()) << message;
  EXPECT_EQ(request.error().code(), ErrorCode::kUsage) << request.error().describe();
  EXPECT_THAT(request.error().describe(), HasSubstr(message));
}

TEST(CopyRequest, DefaultsOfAPlainCopy) {
  const auto request = request_of({"alpine", "reg.example/mine"}, {{"HOME", "/home/me"}});
  ASSERT_TRUE(request.has_value()) << request.error().describe();
  EXPECT_EQ(request->source.to_string(), "docker://docker.io/library/alpine:latest");
  EXPECT_EQ(request->destination.to_string(), "docker://reg.example/mine:latest");
  EXPECT_EQ(request->options.overwrite, copy::Overwrite::kChanged);
  EXPECT_FALSE(request->options.dry_run);
  EXPECT_GE(request->jobs, 4U);
  EXPECT_LE(request->jobs, 8U);
  EXPECT_EQ(request->retry.max_attempts, 5);
  EXPECT_EQ(request->upload_chunk_size, 0U);
  EXPECT_TRUE(request->buffer_pool);
  EXPECT_FALSE(request->buffer_size.has_value());
  EXPECT_EQ(request->timeout, Duration(0));
  EXPECT_EQ(request->session.connect_timeout, std::chrono::seconds(15));
  EXPECT_THAT(request->session.user_agent, ::testing::StartsWith("freightliner/"));
  EXPECT_THAT(request->session.tls.certificate_directories,
              ElementsAre("/etc/containers/certs.d", "/etc/docker/certs.d", "/home/me/.config/containers/certs.d"));
  EXPECT_FALSE(request->source_credential.has_value());
}

TEST(CopyRequest, TakesOverWhatIsAsked) {
  const ScratchDirectory scratch;
  const std::string file = scratch.file("ca.pem", "x");
  const auto request = request_of({"--platform",
                                   "linux/amd64",
                                   "--platform",
                                   "linux/arm64/v8",
                                   "--platform",
                                   "linux/amd64",
                                   "--overwrite",
                                   "never",
                                   "-n",
                                   "--also-tag",
                                   "v1",
                                   "--also-tag",
                                   "v2",
                                   "--referrers",
                                   "--jobs",
                                   "3",
                                   "--retries",
                                   "0",
                                   "--chunk-size",
                                   "5MiB",
                                   "--buffer-pool",
                                   "off",
                                   "--timeout",
                                   "10m",
                                   "--ca-file",
                                   file,
                                   "--cert-dir",
                                   scratch.path().string(),
                                   "--plain-http",
                                   "REG.example:5000",
                                   "--plain-http",
                                   "[::1]:5000",
                                   "--insecure-tls",
                                   "other.example",
                                   "--token-host",
                                   "reg.example=Auth.example:8443",
                                   "--authfile",
                                   file,
                                   "alpine:3.20",
                                   "oci:out:x"});
  ASSERT_TRUE(request.has_value()) << request.error().describe();
  EXPECT_EQ(request->options.platforms.size(), 2U);
  EXPECT_EQ(request->options.overwrite, copy::Overwrite::kNever);
  EXPECT_TRUE(request->options.dry_run);
  EXPECT_TRUE(request->options.referrers);
  EXPECT_THAT(request->options.also_tags, ElementsAre("v1", "v2"));
  EXPECT_EQ(request->jobs, 3U);
  EXPECT_EQ(request->retry.max_attempts, 1);
  EXPECT_EQ(request->upload_chunk_size, 5U * 1024 * 1024);
  EXPECT_FALSE(request->buffer_pool);
  EXPECT_EQ(request->timeout, std::chrono::minutes(10));
  EXPECT_EQ(request->session.tls.ca_file, file);
  EXPECT_THAT(request->session.tls.certificate_directories, ElementsAre(scratch.path()));
  EXPECT_THAT(request->session.tls.insecure_hosts, ElementsAre("other.example"));
  EXPECT_TRUE(http::names_origin(request->plain_http_hosts, {.scheme = "http", .host = "reg.example", .port = 5000}));
  EXPECT_TRUE(http::names_origin(request->plain_http_hosts, {.scheme = "http", .host = "::1", .port = 5000}));
  EXPECT_FALSE(http::names_origin(request->plain_http_hosts, {.scheme = "http", .host = "reg.example", .port = 80}));
  EXPECT_THAT(request->token_hosts.at("reg.example"), ElementsAre("auth.example:8443"));
  EXPECT_EQ(request->authfile, file);
}

TEST(CopyRequest, Recompression) {
  const auto request = request_of({"--recompress", "zstd:7", "alpine", "oci:x:y"});
  ASSERT_TRUE(request.has_value()) << request.error().describe();
  ASSERT_TRUE(request->options.recompress.has_value());
  EXPECT_EQ(request->options.recompress->settings.to_string(), "zstd:7");
  EXPECT_GE(request->options.recompress->threads, 1U);
  EXPECT_GT(request->codec_memory, std::uint64_t{16} << 20U);
  EXPECT_EQ(request_of({"alpine", "oci:x:y"})->codec_memory, 0U);
  expect_usage_error({"--recompress", "zstd", "--max-memory", "26MiB", "alpine", "oci:x"}, "too little");
  expect_usage_error({"--recompress", "zstd:20", "alpine", "oci:x"}, "--recompress: \"20\" is no level of zstd");
  expect_usage_error({"--recompress", "brotli", "alpine", "oci:x"}, "--recompress: \"brotli\"");
  expect_usage_error({"--allow-digest-change", "alpine", "oci:x"}, "--allow-digest-change: ");
  expect_usage_error({"--recompress", "zstd", "--referrers", "alpine", "oci:x"}, "sign again there");
  expect_usage_error({"--recompress", "zstd", "alpine@" + kDigestA, "oci:x"}, "SRC is named by digest");
  expect_usage_error({"--recompress", "zstd", "alpine", "oci:x@" + kDigestA}, "DST is named by digest");
  expect_usage_error({"--recompress", "zstd", "--allow-digest-change", "alpine", "reg.example/x@" + kDigestA},
                     "DST is");
  expect_usage_error({"--recompress", "zstd", "--allow-digest-change", "alpine@" + kDigestA, "reg.example/x"},
                     "name a tag in DST");
  EXPECT_TRUE(request_of({"--recompress", "gzip", "--allow-digest-change", "alpine@" + kDigestA, "reg.example/x:1"}));
  EXPECT_TRUE(
      request_of({"--recompress", "gzip", "--allow-digest-change", "--referrers", "alpine", "reg.example/x:1"}));
}

TEST(CopyRequest, BuffersAdaptUnlessTheyAreFixed) {
  EXPECT_FALSE(request_of({"--buffer-size", "auto", "alpine", "oci:x"})->buffer_size.has_value());
  EXPECT_EQ(request_of({"--buffer-size", "64KiB", "alpine", "oci:x"})->buffer_size, 65536U);
  for (const std::string bad : {"1K", "5MiB", "AUTO", "large", "-1"}) {
    expect_usage_error({"--buffer-size", bad, "alpine", "oci:x"},
                       "--buffer-size: \"" + bad + "\" is neither auto nor a size from 16.0 KiB to 4.0 MiB");
  }
}

TEST(CopyRequest, BadInputIsFoundBeforeAnyTraffic) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.path().string();
  expect_usage_error({"alpine"}, "only one was given");
  expect_usage_error({"Alpine", "oci:x"}, "SRC: ");
  expect_usage_error({"alpine", "docker://reg.example/UPPER"}, "DST: ");
  expect_usage_error({"alpine", "containers-storage:x"}, "DST: ");
  expect_usage_error({"--platform", "linux", "alpine", "oci:x"}, "--platform: ");
  expect_usage_error({"--also-tag", "-x", "alpine", "reg.example/x"}, "--also-tag: \"-x\" is not a tag");
  expect_usage_error({"--also-tag", "a b", "alpine", "oci:x"}, "--also-tag: \"a b\" is not a tag");
  expect_usage_error({"--plain-http", "reg.example/x", "alpine", "oci:x"}, "--plain-http: ");
  expect_usage_error({"--insecure-tls", "reg.example:port", "alpine", "oci:x"}, "--insecure-tls: ");
  expect_usage_error({"--token-host", "auth.example", "alpine", "oci:x"},
                     "--token-host: \"auth.example\" is not REGISTRY=HOST");
  expect_usage_error({"--token-host", "a.example=/", "alpine", "oci:x"}, "--token-host: ");
  expect_usage_error({"--ca-file", directory + "/none", "alpine", "oci:x"}, "--ca-file: there is no file");
  expect_usage_error({"--ca-file", directory, "alpine", "oci:x"}, "is a directory");
  expect_usage_error({"--cert-dir", directory + "/none", "alpine", "oci:x"}, "--cert-dir: there is no directory");
  expect_usage_error({"--authfile", directory + "/none", "alpine", "oci:x"}, "--authfile: there is no file");
  expect_usage_error({"alpine", "oci:x"}, "REGISTRY_AUTH_FILE: there is no file",
                     {{"REGISTRY_AUTH_FILE", directory + "/none"}});
  expect_usage_error({"--chunk-size", "1KiB", "alpine", "oci:x"}, "--chunk-size: an upload chunk has at least 64KiB");
}

TEST(CopyRequest, ADestinationWithoutANameTakesTheSourcesDigest) {
  struct Case {
    Words words;
    std::string destination;
  };
  const Case cases[] = {
      {{"alpine@" + kDigestA, "reg.example/x"}, "docker://reg.example/x@" + kDigestA},
      {{"alpine:3.20@" + kDigestA, "reg.example/x"}, "docker://reg.example/x@" + kDigestA},
      {{"oci:dir@" + kDigestA, "reg.example/x"}, "docker://reg.example/x@" + kDigestA},
      {{"alpine@" + kDigestA, "reg.example/x:v1"}, "docker://reg.example/x:v1"},
      {{"alpine@" + kDigestA, "reg.example/x@" + kDigestA}, "docker://reg.example/x@" + kDigestA},
      {{"alpine:3.20", "reg.example/x"}, "docker://reg.example/x:latest"},
      {{"alpine:3.20", "reg.example/x@" + kDigestA}, "docker://reg.example/x@" + kDigestA},
      {{"--platform", "linux/amd64", "alpine@" + kDigestA, "reg.example/x:v1"}, "docker://reg.example/x:v1"},
      {{"alpine@" + kDigestA, "oci:out"}, "oci:out"},
  };
  for (const Case& c : cases) {
    const auto request = request_of(c.words);
    ASSERT_TRUE(request.has_value()) << request.error().describe();
    EXPECT_EQ(request->destination.to_string(), c.destination);
  }
  expect_usage_error({"alpine@" + kDigestA, "reg.example/x@" + kDigestB}, "DST is named by digest " + kDigestB);
  expect_usage_error({"--platform", "linux/amd64", "alpine@" + kDigestA, "reg.example/x"}, "name a tag in DST");
}

TEST(CopyRequest, CredentialsFromFileInputAndEnvironment) {
  const ScratchDirectory scratch;
  const std::string file = scratch.file("password", "from file\r\n");
  const Words images = {"alpine", "reg.example/x"};
  const auto with = [&](Words words) {
    words.insert(words.end(), images.begin(), images.end());
    return words;
  };
  const auto source = request_of(with({"--src-username", "me", "--src-password-file", file}));
  ASSERT_TRUE(source.has_value()) << source.error().describe();
  EXPECT_EQ(source->source_credential, (auth::Credential{"me", "from file", ""}));
  EXPECT_FALSE(source->destination_credential.has_value());

  const auto input = request_of(with({"--dest-username", "me", "--dest-password-file", "-"}), {}, "from input\n");
  ASSERT_TRUE(input.has_value()) << input.error().describe();
  EXPECT_EQ(input->destination_credential, (auth::Credential{"me", "from input", ""}));

  const std::map<std::string, std::string> variables = {{"FREIGHTLINER_SRC_USERNAME", "me"},
                                                        {"FREIGHTLINER_SRC_PASSWORD", "from environment"}};
  const auto environment = request_of(images, variables);
  ASSERT_TRUE(environment.has_value()) << environment.error().describe();
  EXPECT_EQ(environment->source_credential, (auth::Credential{"me", "from environment", ""}));

  // A flag is stronger than the environment.
  const auto both = request_of(with({"--src-password-file", file}), variables);
  ASSERT_TRUE(both.has_value()) << both.error().describe();
  EXPECT_EQ(both->source_credential->password, "from file");

  // Environment for a registry does no harm where the side is none.
  EXPECT_TRUE(request_of({"oci:in", "reg.example/x"}, variables).has_value());
}

TEST(CopyRequest, HalfCredentialsAndBadPasswordsAreRefused) {
  const ScratchDirectory scratch;
  const std::string file = scratch.file("password", "secret\n");
  const auto with = [](Words words) {
    words.insert(words.end(), {"alpine", "reg.example/x"});
    return words;
  };
  expect_usage_error(with({"--src-username", "me"}),
                     "--src-username needs a password: --src-password-file FILE, or FREIGHTLINER_SRC_PASSWORD");
  expect_usage_error(with({"--dest-password-file", file}),
                     "--dest-password-file needs a user name: --dest-username NAME");
  expect_usage_error(with({}), "FREIGHTLINER_SRC_PASSWORD needs a user name",
                     {{"FREIGHTLINER_SRC_PASSWORD", "secret"}});
  expect_usage_error(with({"--src-username", "me:you", "--src-password-file", file}), "a user name has no ':'");
  expect_usage_error(
      with({"--src-username", "a", "--src-password-file", "-", "--dest-username", "b", "--dest-password-file", "-"}),
      "only one password can come from standard input", {}, "secret\n");
  expect_usage_error(with({}), "are both set: keep one",
                     {{"FREIGHTLINER_SRC_USERNAME", "a"},
                      {"FREIGHTLINER_SRC_PASSWORD", "secret"},
                      {"FREIGHTLINER_SRC_PASSWORD_FILE", file}});
  expect_usage_error({"--src-username", "me", "--src-password-file", file, "oci:in", "reg.example/x"},
                     "--src-username is for registries");

  const std::pair<std::string, std::string> inputs[] = {
      {"", "it is empty"},
      {"\n", "it is empty"},
      {"two\nlines\n", "it has more than one line"},
      {"tab\there\n", "there is a control character in it"},
  };
  for (const auto& [text, message] : inputs) {
    const std::string name = scratch.file("bad", text);
    expect_usage_error(with({"--src-username", "me", "--src-password-file", name}), message);
    expect_usage_error(with({"--src-username", "me", "--src-password-file", "-"}), message, {}, text);
  }
  const std::string huge = scratch.file("huge", std::string(65 * 1024, 'x'));
  expect_usage_error(with({"--src-username", "me", "--src-password-file", huge}), "password file");
  const auto missing = request_of(with({"--src-username", "me", "--src-password-file", "/no/such/password"}));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(missing.error().describe(), HasSubstr("/no/such/password"));
  EXPECT_THAT(request_of(with({"--src-username", "me", "--src-password-file", file, "--jobs", "0"})).error().describe(),
              Not(HasSubstr("secret")));
}

TEST(CopyRequest, JobsFollowTheMachineWithinLimits) {
  const std::pair<unsigned, std::size_t> cases[] = {{0, 4}, {1, 4}, {2, 4}, {3, 6}, {4, 8}, {128, 8}};
  for (const auto& [processors, jobs] : cases) EXPECT_EQ(default_jobs(processors), jobs) << processors;
}

}  // namespace
}  // namespace freightliner::cli
