#include "freightliner/http/url.h"

#include <fmt/format.h>

#include <charconv>

#include "freightliner/base/text.h"
#include "http/curl_handles.h"
#include "http/local_address.h"

namespace freightliner::http {
namespace {

std::string part_of(CURLU* handle, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) return {};
  const CurlString owner(text);
  return text;
}

Unexpected bad_url(std::string_view text, std::string_view reason) {
  return fail(ErrorCode::kProtocol, fmt::format("\"{}\" is not a usable URL: {}", printable(redact_url(text)), reason));
}

}  // namespace

std::string Origin::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

bool Origin::is_local_address() const {
  return is_literal_address(host) && http::is_local_address(host);
}

Result<Url> Url::parse(std::string_view text) {
  const UrlHandle handle(curl_url());
  // A NUL or a line break would end the text early in libcurl or in a header.
  if (text.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos)
    return bad_url(text, "control character");
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0);
  if (code != CURLUE_OK) return bad_url(text, curl_url_strerror(code));

  Url url;
  url.origin_.scheme = part_of(handle.get(), CURLUPART_SCHEME);
  if (url.origin_.scheme != "https" && url.origin_.scheme != "http") return bad_url(text, "neither https nor http");
  if (!part_of(handle.get(), CURLUPART_USER).empty() || !part_of(handle.get(), CURLUPART_PASSWORD).empty()) {
    return bad_url(text, "it carries user information");
  }
  url.origin_.host = to_lower(part_of(handle.get(), CURLUPART_HOST));
  if (url.origin_.host.starts_with('[')) url.origin_.host = url.origin_.host.substr(1, url.origin_.host.size() - 2);
  const std::string port = part_of(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), url.origin_.port);
  if (url.origin_.host.empty() || url.origin_.port <= 0) return bad_url(text, "no host or port");
  curl_url_set(handle.get(), CURLUPART_FRAGMENT, nullptr, 0);
  url.text_ = part_of(handle.get(), CURLUPART_URL);
  return url;
}

Result<Url> Url::resolve(std::string_view reference) const {
  const UrlHandle handle(curl_url());
  if (reference.empty() || reference.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
    return bad_url(reference, "empty, or a control character in it");
  }
  curl_url_set(handle.get(), CURLUPART_URL, text_.c_str(), 0);
  // Setting a URL on a handle that has one resolves it, as RFC 3986, section 5 says.
  const CURLUcode code = curl_url_set(handle.get(), CURLUPART_URL, std::string(reference).c_str(), 0);
  if (code != CURLUE_OK) return bad_url(reference, curl_url_strerror(code));
  return parse(part_of(handle.get(), CURLUPART_URL));
}

Url Url::with_query(std::string_view name, std::string_view value) const {
  Url result = *this;
  result.text_ += text_.find('?') == std::string::npos ? '?' : '&';
  result.text_ += fmt::format("{}={}", name, percent_encode(value));
  return result;
}

std::string Url::redacted() const {
  return redact_url(text_);
}

std::string percent_encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    if (unreserved) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace freightliner::http
