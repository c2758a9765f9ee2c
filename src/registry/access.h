#pragma once

#include <string>

#include "freightliner/auth/authenticator.h"

namespace freightliner::registry {

// Token scopes (distribution, docs/spec/auth/scope). A run asks for push along with pull at its destination, so that
// one token serves the whole repository.

inline auth::Access pull_access(const std::string& repository) {
  return {repository, {"repository:" + repository + ":pull"}};
}

inline auth::Access push_access(const std::string& repository) {
  return {repository, {"repository:" + repository + ":pull,push"}};
}

inline auth::Access access_for(const std::string& repository, bool write) {
  return write ? push_access(repository) : pull_access(repository);
}

/// distribution asks for "delete" on a manifest's DELETE, and not for "push".
inline auth::Access delete_access(const std::string& repository) {
  return {repository, {"repository:" + repository + ":pull,push,delete"}};
}

/// The list of all repositories, with the credentials for those below a prefix.
inline auth::Access catalog_access(const std::string& prefix) {
  return {prefix, {"registry:catalog:*"}};
}

/// Push to one repository and pull from the one that a blob is mounted from; without the second scope distribution
/// answers 401 to the mount.
inline auth::Access mount_access(const std::string& repository, const std::string& from) {
  return {repository, {"repository:" + repository + ":pull,push", "repository:" + from + ":pull"}};
}

}  // namespace freightliner::registry
