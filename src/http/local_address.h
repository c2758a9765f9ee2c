#pragma once

#include <string>

#include "freightliner/http/url.h"

namespace freightliner::http {

/// True for addresses that reach this machine or its cloud's metadata service: loopback, unspecified, link-local, and
/// the well-known metadata addresses, IPv4 in IPv6 included. Text that is no address counts as local (refuse what is
/// unclear).
bool is_local_address(const std::string& address);

/// True for an IPv4 or IPv6 address, as against a name.
bool is_literal_address(const std::string& host);

/// True where the environment names a proxy for this origin and NO_PROXY does not exempt it: then the address contacted
/// is the proxy's, not the target's.
bool goes_through_proxy(const Origin& origin);

/// True where the environment names a proxy for URLs of this scheme, whatever NO_PROXY exempts.
bool names_proxy(const std::string& scheme);

}  // namespace freightliner::http
