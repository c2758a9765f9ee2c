#include "auth/token_request.h"

#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(fuzz::text_of(data, size));
  const TimePoint received{std::chrono::hours(1)};
  const auto token = auth::parse_token(body, received);
  if (!token) {
    fuzz::require(fuzz::is_harmless(token.error().describe()), "an error shows no control characters");
    // The parser quotes what it stumbles over, and here that may be a secret.
    const bool quotes =
        body.find("canary") != std::string::npos && token.error().describe().find("canary") != std::string::npos;
    fuzz::require(!quotes, "an error quotes nothing of the answer");
    return 0;
  }
  fuzz::require(!token->value.empty() && token->value.size() <= 64 * kKiB,
                "a token has a length that a header may have");
  for (const char c : token->value) fuzz::require(c > ' ' && c < 0x7F, "a token is safe in a header");
  const auto life = token->refresh_after - received;
  fuzz::require(life >= std::chrono::seconds(50) && life <= std::chrono::hours(24), "a life is bounded");
  return 0;
}
