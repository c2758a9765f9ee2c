#include "auth/auth_file.h"

#include "auth/base64.h"
#include "auth/token_request.h"
#include "fuzz_target.h"

using namespace freightliner;

namespace {

void check_base64(std::string_view text) {
  const auto back = auth::base64_decode(auth::base64_encode(text));
  fuzz::require(back && *back == text, "base64 is read as it is written");
  if (const auto bytes = auth::base64_decode(text)) {
    std::string canonical = auth::base64_encode(*bytes);
    canonical.erase(canonical.find_last_not_of('=') + 1);
    const auto end = text.find_last_not_of('=');
    fuzz::require(text.substr(0, end == std::string_view::npos ? 0 : end + 1) == canonical, "a text has one meaning");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_base64(text);
  const std::string key = auth::normalized_auth_key(text);
  fuzz::require(key.size() <= size + 16, "a key grows by nothing but docker.io");

  const auto file = auth::AuthFile::parse(text, "config.json");
  if (!file) {
    const std::string error = file.error().describe();
    fuzz::require(file.error().code() == ErrorCode::kAuthentication, "no input is our fault");
    fuzz::require(fuzz::is_harmless(error), "an error shows no control characters");
    const bool names_key = error.find("stands twice") != std::string::npos;
    fuzz::require(names_key || error.find("canary") == std::string::npos, "an error quotes no secret");
    return 0;
  }
  const Logger silent;
  for (const char* const registry : {"docker.io", "registry.example", "registry.example:5000"}) {
    static_cast<void>(file->helper_for(registry));
    for (const char* const repository : {"", "team", "team/app"}) {
      const auto found = file->find(registry, repository, silent);
      if (!found) {
        fuzz::require(found.error().describe().find("canary") == std::string::npos, "an error quotes no secret");
        continue;
      }
      if (!*found) continue;
      fuzz::require(!(*found)->username.empty() || !(*found)->identity_token.empty(), "a credential is one");
      const auto header = auth::basic_authorization(**found);
      if (header) fuzz::require(header->find_first_of("\r\n") == std::string::npos, "a header has one line");
    }
  }
  return 0;
}
