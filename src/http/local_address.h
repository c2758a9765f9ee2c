#pragma once

#include <string>

namespace freightliner::http {

/// True for addresses that reach this machine or its cloud's metadata service: loopback, unspecified, link-local, and the
/// well-known metadata addresses, IPv4 in IPv6 included. Text that is no address counts as local (refuse what is unclear).
bool is_local_address(const std::string& address);

/// True where the environment names a proxy: then the address contacted is the proxy's, not the target's.
bool proxy_configured();

}  // namespace freightliner::http
