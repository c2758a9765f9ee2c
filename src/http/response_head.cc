#include "http/response_head.h"

#include <algorithm>
#include <charconv>

#include "freightliner/base/text.h"

namespace freightliner::http {
namespace {

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
  const auto is_token_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

}  // namespace

bool take_head_line(std::string_view line, Response& response) {
  if (line.starts_with("HTTP/")) {
    response.headers.clear();
    response.status = 0;
    const auto space = line.find(' ');
    if (space != std::string_view::npos) {
      std::from_chars(line.data() + space + 1, line.data() + line.size(), response.status);
    }
    return false;
  }
  // A line that begins with a blank goes on with the field before it (RFC 9112, section 5.2): it is no field of its own
  // and no end, whatever it looks like.
  if (line.starts_with(' ') || line.starts_with('\t')) return false;
  const std::string_view text = trim(line);
  if (text.empty()) return response.status >= 200;
  const auto colon = text.find(':');
  // Neither does libcurl see a field in "Content-Length : 5".
  if (colon == std::string_view::npos || !is_token(text.substr(0, colon))) return false;
  std::string value(text.substr(colon + 1));
  // RFC 9110, section 5.5.
  std::ranges::replace_if(
      value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  response.headers.add(std::string(text.substr(0, colon)), std::string(trim(value)));
  return false;
}

std::optional<std::uint64_t> plain_body_length(const Headers& headers, std::int64_t declared, std::uint64_t received) {
  const auto length = headers.find_number("Content-Length");
  if (!length || *length <= received || headers.find("Transfer-Encoding")) return std::nullopt;
  if (declared < 0 || static_cast<std::uint64_t>(declared) != *length) return std::nullopt;
  return length;
}

}  // namespace freightliner::http
