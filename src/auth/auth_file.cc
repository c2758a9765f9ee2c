#include "auth/auth_file.h"

#include <fmt/format.h>

#include <utility>

#include "auth/base64.h"
#include "freightliner/base/text.h"

namespace freightliner::auth {
namespace {

// A member that is missing, null or a text.
Result<std::string> text_member(const oci::Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return std::string();
  if (!it->is_string()) return fail(ErrorCode::kAuthentication, fmt::format("\"{}\" is not a text", name));
  return it->get<std::string>();
}

// "user:password" in base64; the password may contain colons. Old dockers
// padded it with NULs.
bool read_basic(std::string_view encoded, Credential& credential) {
  const std::optional<std::string> decoded = base64_decode(trim(encoded));
  if (!decoded) return false;
  const auto colon = decoded->find(':');
  if (colon == std::string::npos) return false;
  credential.username = decoded->substr(0, colon);
  credential.password = decoded->substr(colon + 1);
  credential.password.erase(credential.password.find_last_not_of('\0') + 1);
  return true;
}

// The parser quotes what it read last, and here that may be a secret.
std::string without_excerpt(const std::string& message) {
  return message.substr(0, message.find("; last read"));
}

}  // namespace

std::string normalized_registry(std::string_view registry) {
  std::string name = to_lower(registry);
  if (name == "index.docker.io" || name == "registry-1.docker.io") return "docker.io";
  return name;
}

std::string normalized_auth_key(std::string_view key) {
  key = trim(key);
  const std::string lower = to_lower(key.substr(0, 8));
  const std::size_t scheme = lower.starts_with("https://") ? 8 : lower.starts_with("http://") ? 7 : 0;
  key.remove_prefix(scheme);
  const auto slash = key.find('/');
  std::string name = normalized_registry(key.substr(0, slash));
  if (slash == std::string_view::npos || scheme != 0) return name;
  const std::string_view path = key.substr(slash);
  if (path == "/" || path == "/v1/" || path == "/v2/") return name;
  return name + std::string(path);
}

Unexpected AuthFile::malformed(std::string_view reason) const {
  return fail(ErrorCode::kAuthentication, fmt::format("{}: {}", printable(path_.string()), reason));
}

Result<AuthFile> AuthFile::parse(std::string_view text, const std::filesystem::path& path) {
  AuthFile file(path);
  const std::string name = printable(path.string());
  auto document = oci::parse_json(text, name, {kMaxAuthFileBytes, 16});
  if (!document) return fail(ErrorCode::kAuthentication, without_excerpt(document.error().message()));
  if (!document->is_object()) return file.malformed("it is not a JSON object with \"auths\"");
  FL_CHECK(file.read_auths(*document));
  FL_CHECK(file.read_helpers(*document));
  return file;
}

Status AuthFile::read_auths(const oci::Json& document) {
  const auto auths = document.find("auths");
  if (auths == document.end() || auths->is_null()) return {};
  if (!auths->is_object()) return malformed("\"auths\" is not an object");
  for (const auto& [key, entry] : auths->items()) {
    std::string normalized = normalized_auth_key(key);
    const bool literal = normalized == key;
    std::vector<oci::Json>& entries = auths_[std::move(normalized)];
    entries.insert(literal ? entries.begin() : entries.end(), entry);
  }
  return {};
}

Status AuthFile::read_helpers(const oci::Json& document) {
  auto store = text_member(document, "credsStore");
  if (!store) return malformed(store.error().message());
  default_helper_ = *std::move(store);
  const auto helpers = document.find("credHelpers");
  if (helpers == document.end() || helpers->is_null()) return {};
  if (!helpers->is_object()) return malformed("\"credHelpers\" is not an object");
  for (const auto& [key, name] : helpers->items()) {
    if (!name.is_string()) return malformed("\"credHelpers\" holds something that is not a text");
    const std::string normalized = normalized_auth_key(key);
    if (normalized == key) {
      helpers_.insert_or_assign(normalized, name.get<std::string>());
    } else {
      helpers_.emplace(normalized, name.get<std::string>());
    }
  }
  return {};
}

Result<std::optional<Credential>> AuthFile::find(const std::string& registry, std::string_view repository,
                                                 const Logger& log) const {
  std::string key = repository.empty() ? registry : registry + '/' + std::string(repository);
  for (;;) {
    if (const auto it = auths_.find(key); it != auths_.end()) {
      for (const oci::Json& entry : it->second) {
        FL_TRY(std::optional<Credential> credential, read_entry(key, entry, log));
        if (credential) return credential;
      }
    }
    if (key.size() <= registry.size()) return std::optional<Credential>();
    key.erase(key.rfind('/'));
  }
}

std::optional<std::string> AuthFile::helper_for(const std::string& registry) const {
  const auto it = helpers_.find(registry);
  if (it == helpers_.end()) return std::nullopt;
  return it->second;
}

Result<std::optional<Credential>> AuthFile::read_entry(const std::string& key, const oci::Json& entry,
                                                       const Logger& log) const {
  if (entry.is_null()) return std::optional<Credential>();
  const auto bad = [&](std::string_view reason) {
    return malformed(fmt::format("the entry for {}: {}", printable(key, 256), reason));
  };
  if (!entry.is_object()) return bad("it is not an object");
  Credential credential;
  credential.source = printable(path_.string());
  const std::pair<const char*, std::string*> members[] = {{"username", &credential.username},
                                                          {"password", &credential.password},
                                                          {"identitytoken", &credential.identity_token}};
  for (const auto& [name, target] : members) {
    auto value = text_member(entry, name);
    if (!value) return bad(value.error().message());
    *target = *std::move(value);
  }
  const auto encoded = text_member(entry, "auth");
  if (!encoded) return bad(encoded.error().message());
  if (!encoded->empty() && !read_basic(*encoded, credential)) return bad("\"auth\" is not user:password in base64");
  if (!credential.username.empty() || !credential.identity_token.empty()) return std::optional(std::move(credential));
  if (entry.contains("registrytoken")) {
    log.debug(
        "{}: the registry token for {} is not used: only user names with "
        "passwords and identity tokens are",
        printable(path_.string()), printable(key, 256));
  }
  return std::optional<Credential>();
}

}  // namespace freightliner::auth
