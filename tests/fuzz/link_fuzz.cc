#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "freightliner/http/retry_policy.h"
#include "freightliner/http/url.h"
#include "registry/link.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  freightliner::http::parse_retry_after(text, {});
  static const auto base = freightliner::http::Url::parse("https://registry.example:5000/v2/a/tags/list?n=1");
  const auto target = freightliner::registry::next_link({text});
  if (!target) return 0;
  // What resolves must be a URL that parses again, to the same origin.
  const auto resolved = base->resolve(*target);
  if (!resolved) return 0;
  const auto again = freightliner::http::Url::parse(resolved->to_string());
  if (!again || again->origin() != resolved->origin()) std::abort();
  return 0;
}
