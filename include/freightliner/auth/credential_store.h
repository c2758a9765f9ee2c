#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/base/log.h"
#include "freightliner/base/result.h"

namespace freightliner::auth {

/// A user name with a password, or an identity (refresh) token. Secrets: never logged.
struct Credential {
  std::string username;
  std::string password;
  std::string identity_token;
  /// Where it was found, for messages: a file, a helper. Empty: given by the user.
  std::string source = {};

  bool operator==(const Credential&) const = default;
};

/// Where credentials come from, in this order: explicit; `authfile` alone where it is given (flag or
/// REGISTRY_AUTH_FILE); else $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json (default
/// ~/.config), $DOCKER_CONFIG/config.json (default ~/.docker/config.json). In each file credHelpers, then auths (most
/// specific key first: host/ns/repo, host/ns, host), then credsStore (containers-auth.json(5), docker login(1)).
struct CredentialStoreOptions {
  std::optional<Credential> explicit_credential;
  std::filesystem::path authfile;
  /// The files that are searched where `authfile` is empty; a missing one is passed over.
  std::vector<std::filesystem::path> default_files;
  Duration helper_timeout{30'000};
  /// Ends a helper that is running when the run is stopped.
  std::stop_token stop = {};
  /// The directories in which credential helpers are looked for, as in PATH; empty: the environment's PATH. Entries
  /// that are not absolute are passed over.
  std::string helper_path;
};

/// The default files for an environment (`getenv`-like look-up, so that tests can make one).
std::vector<std::filesystem::path> default_auth_files(
    const std::function<std::optional<std::string>(const char*)>& env);

/// Looks credentials up. Files are read at the first use and kept; helper answers are kept. Safe from any thread.
class CredentialStore {
 public:
  CredentialStore(CredentialStoreOptions options, Logger log);
  ~CredentialStore();
  CredentialStore(const CredentialStore&) = delete;
  CredentialStore& operator=(const CredentialStore&) = delete;

  /// The credential for a repository of a registry (`docker.io` for Docker Hub, whose key is
  /// https://index.docker.io/v1/); nullopt: anonymous. The host must match exactly, port included. Errors: kUsage
  /// (authfile given but missing), kAuthentication (unreadable or malformed file, helper missing, failing, hanging or
  /// answering nonsense: never a fallback to something else).
  Result<std::optional<Credential>> find(const std::string& registry, const std::string& repository);

  /// Where find() looks, for messages: "/home/u/.docker/config.json".
  std::string places() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::auth
