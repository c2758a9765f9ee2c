#pragma once

#include <optional>
#include <string>

#include "freightliner/auth/credential_store.h"

namespace freightliner::auth {

/// True for `[A-Za-z0-9_.-]+`: a name, never a path or an option of a shell.
bool is_valid_helper_name(std::string_view name) noexcept;

struct HelperSettings {
  std::string search_path;  // as PATH
  Duration timeout{30'000};
  std::stop_token stop = {};
};

/// Asks `docker-credential-<name> get` for the credential of `server` (docker's
/// credential helper protocol: github.com/docker/docker-credential-helpers).
/// nullopt: the helper says that it has none. Errors: kAuthentication for all
/// else. Safe from any thread.
Result<std::optional<Credential>> ask_helper(const std::string& name, const std::string& server,
                                             const HelperSettings& settings);

}  // namespace freightliner::auth
