#include "http/open_sockets.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace freightliner::http {
namespace {

using NameFunction = int (*)(int, sockaddr*, socklen_t*);

struct End {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};

  bool is(const std::string& address, int number) const {
    int own = 0;
    std::from_chars(port.data(), port.data() + std::strlen(port.data()), own);
    return own == number && address == host.data();
  }
};

std::optional<End> end_of(int descriptor, NameFunction name) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  End end;
  if (name(descriptor, generic, &size) != 0 ||
      getnameinfo(generic, size, end.host.data(), end.host.size(), end.port.data(), end.port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return std::nullopt;
  }
  return end;
}

}  // namespace

void OpenSockets::opened(int descriptor) {
  if (std::ranges::find(descriptors_, descriptor) == descriptors_.end()) descriptors_.push_back(descriptor);
}

int OpenSockets::find(const Endpoints& endpoints) {
  int found = -1;
  std::erase_if(descriptors_, [&](int descriptor) {
    const auto local = end_of(descriptor, getsockname);
    const auto remote = end_of(descriptor, getpeername);
    if (!local || !remote) return true;  // closed
    if (local->is(endpoints.local_address, endpoints.local_port) &&
        remote->is(endpoints.remote_address, endpoints.remote_port)) {
      found = descriptor;
    }
    return false;
  });
  return found;
}

}  // namespace freightliner::http
