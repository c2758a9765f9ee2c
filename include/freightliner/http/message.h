#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "freightliner/base/clock.h"
#include "freightliner/http/url.h"

namespace freightliner::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete };
std::string_view to_string(Method method) noexcept;

/// Header fields in order; names compare without case (RFC 9110, section 5.1).
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  /// The first field of that name; nullopt where there is none.
  std::optional<std::string> find(std::string_view name) const;
  /// The first field of that name as a decimal number; nullopt where there is none or it is not one.
  std::optional<std::uint64_t> find_number(std::string_view name) const;
  std::vector<std::string> find_all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const noexcept { return fields_; }
  bool empty() const noexcept { return fields_.empty(); }
  void clear() noexcept { fields_.clear(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Manifests are read up to this size (the distribution spec asks registries for at least 4 MiB).
inline constexpr std::uint64_t kMaxManifestBytes = 4 * 1024 * 1024;
/// Error bodies, upload answers: nobody needs more.
inline constexpr std::uint64_t kMaxSmallBodyBytes = 64 * 1024;

/// One request, one hop. Authorization is set by the caller, for this URL's origin alone.
struct Request {
  Method method = Method::kGet;
  Url url;
  Headers headers = {};
  std::string body = {};
  /// A longer response body is an error (kProtocol), never a truncation.
  std::uint64_t max_response_bytes = kMaxSmallBodyBytes;
  /// For the whole exchange of a small request; streaming bodies have a stall limit instead. 0: the session's default.
  Duration timeout{0};
  /// How long the answer is still waited for when a stop is asked for: where the request makes something at the server
  /// whose name, to undo it, comes with the answer.
  Duration stop_grace{0};
  /// Goes out once: not a second time either where a kept connection turns out to have been closed. For what may not be
  /// repeated before somebody has looked whether it had its effect. Not for bodies that stream.
  bool once = false;
  /// Connects (and greets by TLS) and sends nothing: to find out how a server speaks. The response's status is then 0.
  bool connect_only = false;
  /// True for a target that a registry named (redirect, upload Location, token realm): loopback, link-local and
  /// metadata addresses are refused unless `trusted_address` is the very same address (SSRF).
  bool refuse_local_addresses = false;
  /// The numeric address of the registry that named the target.
  std::string trusted_address = {};
};

/// What a server answered. Any status is an answer; only a failed exchange is an error.
struct Response {
  int status = 0;
  Headers headers;
  std::string body;
  Url url;
  /// The numeric address of the server. Where a proxy was contacted, that is known only of one that the URL names by
  /// it; else empty.
  std::string remote_address;

  bool ok() const noexcept { return status >= 200 && status < 300; }
};

}  // namespace freightliner::http
