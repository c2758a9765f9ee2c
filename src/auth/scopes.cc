#include "auth/scopes.h"

#include <algorithm>

#include "freightliner/base/text.h"

namespace freightliner::auth {
namespace {

constexpr std::size_t kMaxScopes = 16;
constexpr std::size_t kMaxScopeLength = 1024;

// "repository:host:5000/name:pull" → "repository:host:5000/name" and "pull"
// (docker token specification, "resource scope").
struct Scope {
  std::string_view resource;
  std::string_view actions;
};

Scope split_scope(std::string_view text) noexcept {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

std::string with_actions(const std::string& scope, std::string_view actions) {
  std::string result = scope;
  for (const std::string_view action : split(actions, ',')) {
    const auto present = split(split_scope(result).actions, ',');
    const bool known = std::ranges::find(present, action) != present.end();
    if (!action.empty() && !known && result.size() + action.size() < kMaxScopeLength) result.append(",").append(action);
  }
  return result;
}

}  // namespace

std::vector<std::string> merge_scopes(std::vector<std::string> scopes, std::string_view asked) {
  for (const std::string_view text : split(asked, ' ')) {
    const Scope scope = split_scope(text);
    if (scope.resource.empty() || scope.actions.empty() || text.size() > kMaxScopeLength) continue;
    const auto same = std::ranges::find_if(
        scopes, [&](const std::string& have) { return split_scope(have).resource == scope.resource; });
    if (same != scopes.end()) {
      *same = with_actions(*same, scope.actions);
    } else if (scopes.size() < kMaxScopes) {
      scopes.emplace_back(text);
    }
  }
  return scopes;
}

std::string join_scopes(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

}  // namespace freightliner::auth
