#include "registry/link.h"

#include "freightliner/http/url.h"
#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto target = registry::next_link({text});
  if (!target) return 0;
  fuzz::require(text.find('<' + *target + '>') != std::string::npos, "a target is what stands in the header");
  fuzz::require(registry::next_link({"garbage, <", text}) == target, "a broken header before it hides no link");
  static const auto base = http::Url::parse("https://registry.example:5000/v2/a/tags/list?n=1");
  const auto resolved = base->resolve(*target);
  if (!resolved) return 0;
  const auto again = http::Url::parse(resolved->to_string());
  fuzz::require(again && again->origin() == resolved->origin(), "what resolves is a URL of the same origin");
  return 0;
}
