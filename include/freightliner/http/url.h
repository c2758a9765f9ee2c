#pragma once

#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner::http {

/// Scheme, host and port: what a credential belongs to (RFC 6454). A value type.
struct Origin {
  std::string scheme;  // "https" or "http"
  std::string host;    // lower case, IPv6 without brackets
  int port = 0;        // never 0 in an origin of a Url

  bool operator==(const Origin&) const = default;
  std::string to_string() const;
  /// True where the host is written as a number that reaches this machine or its cloud's metadata service: loopback,
  /// unspecified, link-local, and the well-known metadata addresses. A name may still lead there.
  bool is_local_address() const;
};

/// An absolute http or https URL, parsed by libcurl's URL parser, so that what is checked is what is contacted. User
/// information and fragments are refused. A value type.
class Url {
 public:
  /// Errors: kProtocol, naming the (redacted) text.
  static Result<Url> parse(std::string_view text);

  const std::string& to_string() const noexcept { return text_; }
  const Origin& origin() const noexcept { return origin_; }
  bool is_https() const noexcept { return origin_.scheme == "https"; }

  /// Resolves a Location or Link target, relative or absolute (RFC 3986, section 5); its query survives.
  Result<Url> resolve(std::string_view reference) const;
  /// The same URL with `name=value` appended to its query; the value is percent-encoded.
  Url with_query(std::string_view name, std::string_view value) const;
  /// For logs and errors: query values replaced.
  std::string redacted() const;

 private:
  Url() = default;
  std::string text_;
  Origin origin_;
};

/// Percent-encodes all but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace freightliner::http
