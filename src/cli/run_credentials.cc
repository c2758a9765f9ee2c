#include "cli/run_credentials.h"

#include <fmt/format.h>

#include "cli/password.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

struct Side {
  std::string name;  // "src" or "dest"
  std::string username;
  std::string password_file;
  std::string password;
};

Side side_of(std::string_view name) {
  return {.name = std::string(name),
          .username = fmt::format("{}-username", name),
          .password_file = fmt::format("{}-password-file", name),
          .password = fmt::format("{}-password", name)};
}

Status refuse_flags(const Settings& settings, const Side& side, const std::string& name) {
  for (const std::string& option : {side.username, side.password_file}) {
    if (settings.origin(option) == Origin::kFlag) {
      return fail(ErrorCode::kUsage, fmt::format("--{} is for registries, and {} is none", option, printable(name)));
    }
  }
  return {};
}

// The stronger source counts; two of the same strength are a mistake that must not be guessed about.
Result<std::string> read_side_password(const Settings& settings, const Side& side, int standard_input) {
  const Origin file = settings.origin(side.password_file);
  const Origin variable = settings.origin(side.password);
  if (file != Origin::kUnset && file == variable) {
    return fail(ErrorCode::kUsage, fmt::format("{} and {} are both set: keep one", settings.where(side.password_file),
                                               settings.where(side.password)));
  }
  if (variable > file) return settings.text(side.password);
  return read_password(settings.text(side.password_file), standard_input);
}

Result<std::optional<auth::Credential>> read_side(const Settings& settings, const Side& side, const CredentialSide& of,
                                                  int standard_input) {
  if (!of.is_registry) {
    FL_CHECK(refuse_flags(settings, side, of.name));
    return std::optional<auth::Credential>();
  }
  const bool has_name = settings.has(side.username);
  const bool has_password = settings.has(side.password_file) || settings.has(side.password);
  if (!has_name && !has_password) return std::optional<auth::Credential>();
  if (!has_password) {
    return fail(ErrorCode::kUsage,
                fmt::format("{} needs a password: --{} FILE, or {} in the environment", settings.where(side.username),
                            side.password_file, environment_name(*find_option(side.password))));
  }
  if (!has_name) {
    const std::string& option = settings.has(side.password_file) ? side.password_file : side.password;
    return fail(ErrorCode::kUsage,
                fmt::format("{} needs a user name: --{} NAME", settings.where(option), side.username));
  }
  const std::string username = settings.text(side.username);
  // RFC 7617, section 2: the first colon ends the user-id.
  if (username.find(':') != std::string::npos) {
    return fail(ErrorCode::kUsage, fmt::format("{}: a user name has no ':' in it", settings.where(side.username)));
  }
  FL_TRY(std::string password, read_side_password(settings, side, standard_input));
  return std::optional<auth::Credential>({.username = username, .password = std::move(password), .identity_token = {}});
}

}  // namespace

Status read_credentials(const Settings& settings, int standard_input, const CredentialSides& sides,
                        RunRequest& request) {
  const Side source = side_of("src");
  const Side destination = side_of("dest");
  if (settings.text(source.password_file) == "-" && settings.text(destination.password_file) == "-") {
    return fail(ErrorCode::kUsage, "only one password can come from standard input: use a file for the other");
  }
  FL_TRY(request.source_credential, read_side(settings, source, sides.source, standard_input));
  FL_TRY(request.destination_credential, read_side(settings, destination, sides.destination, standard_input));
  return {};
}

}  // namespace freightliner::cli
