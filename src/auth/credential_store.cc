#include "freightliner/auth/credential_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "auth/auth_file.h"
#include "auth/credential_helper.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::auth {
namespace {

using Found = Result<std::optional<Credential>>;

std::string path_from_environment() {
  const char* value = std::getenv("PATH");
  return value != nullptr ? value : "";
}

// nullopt: there is no such file.
Result<std::optional<AuthFile>> load(const std::filesystem::path& path, const Logger& log) {
  struct stat info = {};
  const bool found = stat(path.c_str(), &info) == 0;
  if (!found && (errno == ENOENT || errno == ENOTDIR)) return std::optional<AuthFile>();
  if (found && S_ISREG(info.st_mode) && (info.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    const std::string name = printable(path.string());
    log.warn(
        "{} holds credentials and can be read by others (mode {:04o}): "
        "chmod 600 it",
        name, info.st_mode & 07777U);
  }
  const auto text = io::read_small_file(path, kMaxAuthFileBytes);
  if (!text) return fail(ErrorCode::kAuthentication, "credentials: " + text.error().describe());
  FL_TRY(AuthFile parsed, AuthFile::parse(*text, path));
  return std::optional(std::move(parsed));
}

}  // namespace

std::vector<std::filesystem::path> default_auth_files(
    const std::function<std::optional<std::string>(const char*)>& env) {
  using std::filesystem::path;
  const auto directory = [&](const char* name) -> std::optional<path> {
    const std::optional<std::string> value = env(name);
    if (!value || value->empty()) return std::nullopt;
    return path(*value);
  };
  // Relative values of XDG_* are to be ignored (XDG Base Directory
  // Specification).
  const auto absolute = [&](const char* name) -> std::optional<path> {
    auto value = directory(name);
    return value && value->is_absolute() ? value : std::nullopt;
  };
  const std::optional<path> home = directory("HOME");
  std::vector<path> files;
  if (const auto runtime = absolute("XDG_RUNTIME_DIR")) files.push_back(*runtime / "containers" / "auth.json");
  if (const auto config = absolute("XDG_CONFIG_HOME")) {
    files.push_back(*config / "containers" / "auth.json");
  } else if (home) {
    files.push_back(*home / ".config" / "containers" / "auth.json");
  }
  if (const auto docker = directory("DOCKER_CONFIG")) {
    files.push_back(*docker / "config.json");
  } else if (home) {
    files.push_back(*home / ".docker" / "config.json");
  }
  return files;
}

// One lock for all: a look-up takes long only where a helper runs, and then the
// others want that helper's answer too.
class CredentialStore::Impl {
 public:
  Impl(CredentialStoreOptions options, Logger log)
      : options_(std::move(options)),
        log_(log),
        helpers_{options_.helper_path.empty() ? path_from_environment() : options_.helper_path, options_.helper_timeout,
                 options_.stop} {}

  Found find(const std::string& registry, const std::string& repository) {
    if (options_.explicit_credential) return options_.explicit_credential;
    const std::string name = normalized_registry(registry);
    const std::lock_guard lock(mutex_);
    if (!options_.authfile.empty()) {
      const auto& file = file_at(options_.authfile);
      if (file && !file->has_value()) {
        return fail(ErrorCode::kUsage,
                    fmt::format("the credential file {} does not exist", printable(options_.authfile.string())));
      }
      return find_in(file, name, repository);
    }
    for (const std::filesystem::path& path : options_.default_files) {
      FL_TRY(std::optional<Credential> credential, find_in(file_at(path), name, repository));
      if (credential) return credential;
    }
    return std::optional<Credential>();
  }

  std::string places() const {
    if (options_.explicit_credential) return "the user name and password that were given";
    if (!options_.authfile.empty()) return printable(options_.authfile.string());
    std::string text;
    for (const std::filesystem::path& path : options_.default_files) {
      if (!text.empty()) text += ", ";
      text += printable(path.string());
    }
    return text.empty() ? "no file at all" : text;
  }

 private:
  using File = Result<std::optional<AuthFile>>;

  const File& file_at(const std::filesystem::path& path) {
    const auto it = files_.find(path);
    return it != files_.end() ? it->second : files_.emplace(path, load(path, log_)).first->second;
  }

  Found find_in(const File& loaded, const std::string& registry, const std::string& repository) {
    if (!loaded) return fail(loaded.error());
    if (!loaded->has_value()) return std::optional<Credential>();
    const AuthFile& file = **loaded;
    const std::optional<std::string> own_helper = file.helper_for(registry);
    if (own_helper && !own_helper->empty()) {
      FL_TRY(std::optional<Credential> credential, ask(*own_helper, registry));
      if (credential) return credential;
    }
    FL_TRY(std::optional<Credential> credential, file.find(registry, repository, log_));
    if (credential || own_helper || file.default_helper().empty()) return credential;
    return ask(file.default_helper(), registry);
  }

  // docker keeps Docker Hub under its index URL, podman under its name.
  Found ask(const std::string& helper, const std::string& registry) {
    if (registry != "docker.io") return ask_once(helper, registry);
    FL_TRY(std::optional<Credential> credential, ask_once(helper, std::string(kDockerHubServer)));
    if (credential) return credential;
    return ask_once(helper, registry);
  }

  Found ask_once(const std::string& helper, const std::string& server) {
    const auto key = std::pair(helper, server);
    const auto it = answers_.find(key);
    if (it != answers_.end()) return it->second;
    log_.debug("asking the credential helper {} for {}", printable(helper, 64), printable(server, 256));
    return answers_.emplace(key, ask_helper(helper, server, helpers_)).first->second;
  }

  const CredentialStoreOptions options_;
  const Logger log_;
  const HelperSettings helpers_;
  std::mutex mutex_;
  std::map<std::filesystem::path, File> files_;
  std::map<std::pair<std::string, std::string>, Found> answers_;  // by helper and server; failures too
};

CredentialStore::CredentialStore(CredentialStoreOptions options, Logger log)
    : impl_(std::make_unique<Impl>(std::move(options), log)) {}
CredentialStore::~CredentialStore() = default;
Found CredentialStore::find(const std::string& registry, const std::string& repository) {
  return impl_->find(registry, repository);
}
std::string CredentialStore::places() const {
  return impl_->places();
}

}  // namespace freightliner::auth
