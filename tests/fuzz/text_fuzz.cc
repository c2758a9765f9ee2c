#include "freightliner/base/text.h"

#include "freightliner/base/date.h"
#include "fuzz_target.h"

using namespace freightliner;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const std::string shown = printable(text, 200);
  fuzz::require(shown.size() <= 203, "what is shown is no longer than allowed");
  fuzz::require(printable(shown, 1'000) == shown, "what is shown is harmless");
  for (const char c : shown) fuzz::require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "no control is shown");

  // A secret in a query or before the host does not stay.
  const std::string url = "https://user:canary@registry.example/" + std::string(text) + "&token=canary";
  const bool in_path = text.find("canary") != std::string_view::npos || text.find('?') == std::string_view::npos;
  fuzz::require(in_path || redact_url(url).find("canary") == std::string::npos, "a redacted URL has no secret");
  fuzz::require(redact_url(redact_url(url)) == redact_url(url), "redacting twice changes nothing");

  if (const auto date = parse_date(text)) {
    const auto again = parse_date(date_text(*date));
    fuzz::require(again && *again == *date, "a date is read as it is written");
  }
  return 0;
}
