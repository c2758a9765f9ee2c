// The input is a Retry-After value, a line break, and the body of the refusal that it came with.

#include "freightliner/http/retry_policy.h"
#include "fuzz_target.h"
#include "registry/response_error.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono;
  static const auto url = http::Url::parse("https://registry.example/v2/");
  const auto [value, body] = fuzz::split_once(fuzz::text_of(data, size), '\n');
  const system_clock::time_point now{sys_days{year{2026} / 11 / 27}};
  const auto wait = http::parse_retry_after(value, now);
  if (wait) {
    fuzz::require(*wait >= Duration(0) && *wait <= hours(24 * 366), "a wait is between nothing and a year");
    const auto later = http::parse_retry_after(value, now + hours(1));
    fuzz::require(later && *later <= *wait, "as time goes by, a wait gets no longer");
  }
  for (const int status : {401, 429, 500}) {
    http::Response response{
        .status = status, .headers = {}, .body = std::string(body), .url = *url, .remote_address = {}};
    response.headers.add("Retry-After", std::string(value));
    const Error error = registry::response_error(response, "GET x", now);
    fuzz::require(fuzz::is_harmless(error.describe()), "an error shows no control characters");
    fuzz::require(error.describe().size() < 2'000, "an error is short");
    fuzz::require(error.http_status() == status, "the status governs");
  }
  return 0;
}
