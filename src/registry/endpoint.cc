#include "registry/endpoint.h"

#include "freightliner/oci/reference.h"

namespace freightliner::registry {
namespace {

bool is_loopback(const std::string& host) {
  const auto parsed = oci::parse_host_port(host);
  return parsed && oci::is_loopback_host(parsed->host);
}

}  // namespace

Endpoint::Endpoint(const std::string& registry, bool plain_http)
    : host_(registry == "docker.io" ? "registry-1.docker.io" : registry),
      loopback_(is_loopback(host_)),
      plain_(plain_http) {}

Result<http::Url> Endpoint::url(const std::string& path) const {
  return http::Url::parse((plain_ ? "http://" : "https://") + host_ + path);
}

bool Endpoint::fall_back_to_http() noexcept {
  if (!loopback_ || tls_seen_) return false;
  plain_ = true;
  return true;
}

}  // namespace freightliner::registry
