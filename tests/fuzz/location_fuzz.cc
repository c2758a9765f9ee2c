// The input is a base URL and a Location, with a line break between them; one line is a Location below a usual base.

#include "freightliner/http/url.h"
#include "fuzz_target.h"

using namespace freightliner;

namespace {

void check_url(const http::Url& url) {
  const http::Origin& origin = url.origin();
  fuzz::require(origin.scheme == "http" || origin.scheme == "https", "the scheme is http or https");
  fuzz::require(!origin.host.empty() && to_lower(origin.host) == origin.host, "the host is lower case");
  fuzz::require(origin.host.find_first_of(std::string_view("/?#@\\ \t\r\n\0", 10)) == std::string::npos,
                "nothing else stands in the host");
  fuzz::require(origin.port > 0 && origin.port <= 65535, "the port is one");
  const std::string& text = url.to_string();
  fuzz::require(text.find('#') == std::string::npos, "no fragment is sent");
  fuzz::require(text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "no line break is sent");
  const auto again = http::Url::parse(text);
  fuzz::require(again && again->origin() == origin, "what is written is the same origin");
  fuzz::require(again->to_string() == text, "what is written is a fixed point");
  const auto more = http::Url::parse(url.with_query("digest", "sha256:a&b=c#d").to_string());
  fuzz::require(more && more->origin() == origin, "a query changes no origin");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto [first, second] = fuzz::split_once(text, '\n');
  const bool two = first.size() < size;
  const auto base = http::Url::parse(two ? first : "https://registry.example:5000/v2/a/blobs/uploads/?x=1");
  if (!base) {
    fuzz::require(fuzz::is_harmless(base.error().describe()), "an error shows no control characters");
    return 0;
  }
  check_url(*base);
  const auto resolved = base->resolve(two ? second : first);
  if (!resolved) {
    fuzz::require(fuzz::is_harmless(resolved.error().describe()), "an error shows no control characters");
    return 0;
  }
  check_url(*resolved);
  return 0;
}
