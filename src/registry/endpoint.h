#pragma once

#include <atomic>
#include <string>

#include "freightliner/http/url.h"

namespace freightliner::registry {

/// Where a registry is reached: host, port and scheme. https, but for a host that the user named for plain http. On
/// loopback https is tried first, and a port that does not answer with TLS selects http for the rest of the run;
/// nowhere else is there a fallback. Safe from any thread.
class Endpoint {
 public:
  /// `registry` is oci::Reference::registry; docker.io is served by registry-1.docker.io.
  Endpoint(const std::string& registry, bool plain_http);

  /// The URL of a path ("/v2/…", already percent-encoded where needed).
  Result<http::Url> url(const std::string& path) const;
  /// True where it is open yet whether the host speaks TLS.
  bool may_fall_back() const noexcept { return loopback_ && !tls_seen_ && !plain_; }
  /// Goes over to http, where that is allowed; false where it is not.
  bool fall_back_to_http() noexcept;
  /// Notes that the host has answered over TLS: from here on there is no fallback.
  void saw_tls() noexcept { tls_seen_ = true; }
  const std::string& host() const noexcept { return host_; }

 private:
  std::string host_;
  bool loopback_;
  std::atomic<bool> plain_;
  std::atomic<bool> tls_seen_{false};
};

}  // namespace freightliner::registry
