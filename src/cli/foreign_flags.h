#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace freightliner::cli {

/// A flag or command of another tool, and what to use here.
struct ForeignName {
  std::string_view name;    // as written there: "--src-creds", "-a", "cp"
  std::string_view tool;    // "skopeo"
  std::string_view advice;  // "use --src-username and --src-password-file"
};
std::span<const ForeignName> foreign_flags() noexcept;
std::span<const ForeignName> foreign_commands() noexcept;

/// "--src-tls-verify is skopeo's name: use --insecure-tls HOST"; nullopt where no tool is known to have it.
std::optional<std::string> explain_foreign_flag(std::string_view flag);
std::optional<std::string> explain_foreign_command(std::string_view command);

/// The candidate that `text` was most likely meant to be (edit distance with transpositions); nullopt where none is
/// near.
std::optional<std::string_view> nearest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace freightliner::cli
