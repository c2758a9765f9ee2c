#include "http/direct_lane.h"

#include <curl/curl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http/local_address.h"

namespace freightliner::http {
namespace {

constexpr unsigned kNearMicroseconds = 2'000;

// What libcurl does around a paused or abandoned transfer is no promise of its interface. These are the versions whose
// code was read: they ask for the body when the head is out, take its early end for the end, and close a socket without
// reading from it. Later ones have other code for all three.
bool is_known_libcurl() {
  return curl_version_info(CURLVERSION_NOW)->version_num >> 8 == 0x0758;  // 7.88
}

}  // namespace

bool can_go_direct(const Request& request) {
  return !request.url.is_https() && !names_proxy(request.url.origin().scheme) && is_known_libcurl();
}

bool is_near(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_min_rtt < kNearMicroseconds;
}

}  // namespace freightliner::http
