#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "freightliner/auth/credential_store.h"
#include "freightliner/base/bytes.h"
#include "freightliner/oci/json.h"

namespace freightliner::auth {

/// Nobody's credentials are longer.
inline constexpr std::size_t kMaxAuthFileBytes = kMiB;
/// The name under which docker keeps the credentials of Docker Hub.
inline constexpr std::string_view kDockerHubServer = "https://index.docker.io/v1/";

/// A registry's name as look-ups use it: lower case, Docker Hub's names all as
/// `docker.io`.
std::string normalized_registry(std::string_view registry);
/// A key of `auths` or `credHelpers` as `host[:port][/path]`: a scheme goes
/// together with its path, as docker and containers/image read it; without one,
/// only the paths `/`, `/v1/` and `/v2/` go.
std::string normalized_auth_key(std::string_view key);

/// docker's config.json or containers-auth.json(5), parsed. Immutable: safe
/// from any thread.
class AuthFile {
 public:
  /// Errors: kAuthentication, naming the file and the position.
  static Result<AuthFile> parse(std::string_view text, const std::filesystem::path& path);

  /// The entry of `auths` with the longest key that is the registry or a
  /// whole-component prefix of registry/repository; entries without a
  /// credential are passed over. Errors: kAuthentication for an entry that
  /// can't be read.
  Result<std::optional<Credential>> find(const std::string& registry, std::string_view repository,
                                         const Logger& log) const;

  /// The helper that `credHelpers` names for the registry; empty: none shall be
  /// used, not even credsStore.
  std::optional<std::string> helper_for(const std::string& registry) const;
  /// `credsStore`; empty where there is none.
  const std::string& default_helper() const noexcept { return default_helper_; }

 private:
  explicit AuthFile(std::filesystem::path path) : path_(std::move(path)) {}
  Status read_auths(const oci::Json& document);
  Status read_helpers(const oci::Json& document);
  Result<std::optional<Credential>> read_entry(const std::string& key, const oci::Json& entry, const Logger& log) const;
  Unexpected malformed(std::string_view reason) const;

  std::filesystem::path path_;
  std::map<std::string, std::vector<oci::Json>> auths_;  // by normalised key; literal spellings come first
  std::map<std::string, std::string> helpers_;
  std::string default_helper_;
};

}  // namespace freightliner::auth
