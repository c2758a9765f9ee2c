// A library to load before the program (LD_PRELOAD): names under flapping.test are at 127.0.0.1, but not at each
// look-up. What becomes of the first, second, … one stands in FREIGHTLINER_FLAPPING: 'n' no such name (NXDOMAIN), 's'
// no answer from a server (SERVFAIL), '6' at ::1 as well, which comes first, anything else and all later ones: found.
// Each look-up adds its letter to the file that FREIGHTLINER_FLAPPING_LOG names. All other names are looked up as ever.
// Each connect(2) to an internet address adds a line "ADDRESS PORT" to the file that FREIGHTLINER_CONNECT_LOG names: a
// try that nobody answers is seen by no server. glibc only.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

std::atomic<std::size_t> look_ups{0};

char next_letter() noexcept {
  const char* const letters = std::getenv("FREIGHTLINER_FLAPPING");
  const std::string_view script = letters == nullptr ? "" : letters;
  const std::size_t number = look_ups.fetch_add(1);
  return number < script.size() ? script[number] : '.';
}

void record(const char* variable, std::string_view text) noexcept {
  const char* const path = std::getenv(variable);
  if (path == nullptr) return;
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  close(file);
}

void record_connect(const sockaddr* address, socklen_t length) noexcept {
  std::array<char, INET6_ADDRSTRLEN> host{};
  in_port_t port = 0;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in parts{};
    std::memcpy(&parts, address, sizeof parts);
    inet_ntop(AF_INET, &parts.sin_addr, host.data(), host.size());
    port = parts.sin_port;
  } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 parts{};
    std::memcpy(&parts, address, sizeof parts);
    inet_ntop(AF_INET6, &parts.sin6_addr, host.data(), host.size());
    port = parts.sin6_port;
  } else {
    return;
  }
  std::array<char, INET6_ADDRSTRLEN + 8> line{};
  const int size = std::snprintf(line.data(), line.size(), "%s %u\n", host.data(), unsigned{ntohs(port)});
  record("FREIGHTLINER_CONNECT_LOG", std::string_view(line.data(), static_cast<std::size_t>(size)));
}

template <typename Function>
Function next_of(const char* name) noexcept {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  static const auto look_up = next_of<decltype(&getaddrinfo)>("getaddrinfo");
  if (node == nullptr || !std::string_view(node).ends_with("flapping.test")) {
    return look_up(node, service, hints, result);
  }
  const char letter = next_letter();
  record("FREIGHTLINER_FLAPPING_LOG", std::string_view(&letter, 1));
  if (letter == 'n') return EAI_NONAME;
  if (letter == 's') return EAI_AGAIN;
  if (letter != '6') return look_up("127.0.0.1", service, hints, result);
  if (const int failed = look_up("::1", service, hints, result); failed != 0) return failed;
  addrinfo** end = result;
  while (*end != nullptr) end = &(*end)->ai_next;
  return look_up("127.0.0.1", service, hints, end);  // freeaddrinfo(3) frees each element by itself
}

extern "C" int connect(int socket, const sockaddr* address, socklen_t length) {
  static const auto connect_socket = next_of<decltype(&connect)>("connect");
  const int result = connect_socket(socket, address, length);
  const int cause = errno;
  record_connect(address, length);
  errno = cause;
  return result;
}
