#include "auth/credential_helper.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "auth/helper_process.h"
#include "freightliner/base/text.h"
#include "freightliner/oci/json.h"

namespace freightliner::auth {
namespace {

// What a helper answers, with exit status 1, where it has nothing
// (credentials.NewErrCredentialsNotFound).
constexpr std::string_view kNotFound = "credentials not found in native keychain";
// Server names go into a pipe in one piece.
constexpr std::size_t kMaxServerName = 1024;

Unexpected helper_failure(std::string_view program, std::string_view server, std::string_view reason) {
  return fail(ErrorCode::kAuthentication, fmt::format("credential helper {} failed for {}: {}", printable(program, 128),
                                                      printable(server, 256), reason));
}

std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& search_path) {
  for (const std::string_view directory : split(search_path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::filesystem::path candidate = std::filesystem::path(directory) / name;
    struct stat info = {};
    if (stat(candidate.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

// What the user sees of a helper that failed. An answer that holds a secret is
// not a diagnosis.
std::string diagnosis(const HelperOutput& output) {
  for (const std::string& text : {output.err, output.out}) {
    const std::string_view trimmed = trim(text);
    if (trimmed.empty() || to_lower(trimmed).find("\"secret\"") != std::string::npos) continue;
    return fmt::format("exit status {}: {}", output.status, printable(trimmed, 400));
  }
  return fmt::format("exit status {}", output.status);
}

Result<std::optional<Credential>> parse_answer(const std::string& program, const std::string& server,
                                               const std::string& text) {
  const Result<oci::Json> json = oci::parse_json(text, "its answer", {kMaxHelperOutput, 8});
  // The parser's message may quote the text, which may hold the secret.
  if (!json || !json->is_object()) return helper_failure(program, server, "its answer is not a JSON object");
  const auto field = [&](const char* name) -> std::optional<std::string> {
    const auto it = json->find(name);
    if (it == json->end() || !it->is_string()) return std::nullopt;
    return it->get<std::string>();
  };
  const std::optional<std::string> username = field("Username");
  const std::optional<std::string> secret = field("Secret");
  if (!username || !secret) return helper_failure(program, server, "its answer has no Username and Secret texts");
  if (username->empty() && secret->empty()) return std::optional<Credential>();
  if (secret->empty()) return helper_failure(program, server, "its answer has an empty Secret");
  Credential credential;
  credential.source = "credential helper " + program;
  if (*username == "<token>") {
    credential.identity_token = *secret;
  } else {
    credential.username = *username;
    credential.password = *secret;
  }
  return std::optional(std::move(credential));
}

}  // namespace

bool is_valid_helper_name(std::string_view name) noexcept {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= 128 && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Result<std::optional<Credential>> ask_helper(const std::string& name, const std::string& server,
                                             const HelperSettings& settings) {
  if (!is_valid_helper_name(name)) {
    return fail(ErrorCode::kAuthentication, fmt::format("\"{}\" is no name of a credential helper: "
                                                        "letters, digits, \"_\", \".\" and \"-\" only",
                                                        printable(name, 64)));
  }
  const std::string program = "docker-credential-" + name;
  // A line break would be a second line of the helper's input (CVE-2020-5260).
  const bool unsafe = std::ranges::any_of(server, [](unsigned char c) { return c <= ' ' || c == 0x7F; });
  if (server.empty() || server.size() > kMaxServerName || unsafe) {
    return helper_failure(program, server, "the server name holds characters that are not allowed");
  }
  const std::optional<std::filesystem::path> path = find_program(program, settings.search_path);
  if (!path) return helper_failure(program, server, "it is not installed: no such program in PATH");

  auto output = run_helper(*path, "get", server, settings.timeout, settings.stop);
  if (!output && output.error().code() == ErrorCode::kCancelled) return fail(std::move(output).error());
  if (!output) return helper_failure(program, server, output.error().message());
  if (output->status == 0) return parse_answer(program, server, output->out);
  const bool not_found =
      output->out.find(kNotFound) != std::string::npos || output->err.find(kNotFound) != std::string::npos;
  if (output->status == 1 && not_found) return std::optional<Credential>();
  return helper_failure(program, server, diagnosis(*output));
}

}  // namespace freightliner::auth
