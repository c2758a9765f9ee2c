#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace freightliner::auth {

/// Adds what a challenge asks for ("repository:a:pull,push repository:b:pull")
/// to the scopes of a request: actions of a resource that is there already are
/// added to it, other resources stand at the end. At most 16 scopes of 1 KiB: a
/// registry does not make our requests grow without end.
std::vector<std::string> merge_scopes(std::vector<std::string> scopes, std::string_view asked);

/// One text for a scope set, as a key.
std::string join_scopes(const std::vector<std::string>& scopes);

}  // namespace freightliner::auth
