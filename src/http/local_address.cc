#include "http/local_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "freightliner/base/text.h"

namespace freightliner::http {
namespace {

bool is_local_v4(const unsigned char* b) noexcept {
  const bool alibaba_metadata = b[0] == 100 && b[1] == 100 && b[2] == 100 && b[3] == 200;
  return b[0] == 127 || b[0] == 0 || (b[0] == 169 && b[1] == 254) || alibaba_metadata;
}

bool any_is_set(std::initializer_list<const char*> names) {
  return std::ranges::any_of(names, [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  });
}

// NO_PROXY as libcurl reads it: "*", or names that match a host and all below it.
bool is_exempt(const std::string& host) {
  const char* list = std::getenv("no_proxy");
  if (list == nullptr) list = std::getenv("NO_PROXY");
  if (list == nullptr) return false;
  for (const std::string_view entry : split(list, ',')) {
    std::string name = to_lower(trim(entry));
    if (name == "*") return true;
    if (name.starts_with('.')) name.erase(0, 1);
    if (!name.empty() && (host == name || host.ends_with("." + name))) return true;
  }
  return false;
}

}  // namespace

bool is_local_address(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    unsigned char bytes[4];
    std::memcpy(bytes, &v4, sizeof bytes);
    return is_local_v4(bytes);
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.substr(0, address.find('%')).c_str(), &v6) != 1) return true;
  if (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6)) return true;
  if (IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_V4COMPAT(&v6)) return is_local_v4(v6.s6_addr + 12);
  in6_addr ec2_metadata{};
  inet_pton(AF_INET6, "fd00:ec2::254", &ec2_metadata);
  return std::memcmp(&v6, &ec2_metadata, sizeof v6) == 0;
}

bool is_literal_address(const std::string& host) {
  return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

bool goes_through_proxy(const Origin& origin) {
  return names_proxy(origin.scheme) && !is_exempt(origin.host);
}

bool names_proxy(const std::string& scheme) {
  // The names that libcurl reads. HTTP_PROXY in upper case is not one of them (CGI, "httpoxy").
  return scheme == "https" ? any_is_set({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                           : any_is_set({"http_proxy", "all_proxy", "ALL_PROXY"});
}

}  // namespace freightliner::http
