// A library to load before the program (LD_PRELOAD): names under flapping.test are at 127.0.0.1, but not at each
// look-up. What becomes of the first, second, … one stands in FREIGHTLINER_FLAPPING: 'n' no such name (NXDOMAIN), 's'
// no answer from a server (SERVFAIL), anything else and all later ones: found. Each look-up adds its letter to the file
// that FREIGHTLINER_FLAPPING_LOG names. All other names are looked up as ever. glibc only.

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace {

std::atomic<std::size_t> look_ups{0};

char next_letter() noexcept {
  const char* const letters = std::getenv("FREIGHTLINER_FLAPPING");
  const std::string_view script = letters == nullptr ? "" : letters;
  const std::size_t number = look_ups.fetch_add(1);
  return number < script.size() ? script[number] : '.';
}

void record(char letter) noexcept {
  const char* const path = std::getenv("FREIGHTLINER_FLAPPING_LOG");
  if (path == nullptr) return;
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (write(file, &letter, 1) != 1) std::abort();
  close(file);
}

}  // namespace

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  using Function = decltype(&getaddrinfo);
  static const auto look_up = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (node == nullptr || !std::string_view(node).ends_with("flapping.test")) {
    return look_up(node, service, hints, result);
  }
  const char letter = next_letter();
  record(letter);
  if (letter == 'n') return EAI_NONAME;
  if (letter == 's') return EAI_AGAIN;
  return look_up("127.0.0.1", service, hints, result);
}
