#include "relay/blob_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include "freightliner/io/hasher.h"

namespace freightliner::bench {
namespace {

constexpr std::size_t kPattern = 1 << 20;

std::vector<char> make_pattern() {
  std::vector<char> pattern(kPattern);
  std::uint32_t state = 1;
  for (char& byte : pattern) {
    state = state * 1664525 + 1013904223;  // Numerical Recipes' generator: anything but zeros
    byte = static_cast<char>(state >> 24);
  }
  return pattern;
}

SSL_CTX* make_context() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

/// One connection, plain or TLS.
class Connection {
 public:
  Connection(int socket, SSL_CTX* context) : socket_(socket) {
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, socket);
    if (SSL_accept(ssl_) != 1) broken_ = true;
  }
  ~Connection() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool broken() const noexcept { return broken_; }
  std::size_t receive(char* data, std::size_t size) {
    const auto count = ssl_ != nullptr ? SSL_read(ssl_, data, static_cast<int>(size)) : recv(socket_, data, size, 0);
    if (count <= 0) broken_ = true;
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  void send_all(const char* data, std::size_t size) {
    while (size > 0 && !broken_) {
      const auto count =
          ssl_ != nullptr ? SSL_write(ssl_, data, static_cast<int>(size)) : send(socket_, data, size, MSG_NOSIGNAL);
      if (count <= 0) {
        broken_ = true;
        return;
      }
      data += count;
      size -= static_cast<std::size_t>(count);
    }
  }

 private:
  int socket_;
  SSL* ssl_ = nullptr;
  bool broken_ = false;
};

void serve(int socket, SSL_CTX* context, std::uint64_t blob_bytes, const std::vector<char>& pattern) {
  Connection connection(socket, context);
  std::vector<char> buffer(1 << 20);
  std::string head;
  while (!connection.broken()) {
    const std::size_t count = connection.receive(buffer.data(), buffer.size());
    head.append(buffer.data(), count);
    const auto end = head.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    if (head.starts_with("GET")) {
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(blob_bytes) + "\r\n\r\n";
      connection.send_all(answer.data(), answer.size());
      for (std::uint64_t left = blob_bytes; left > 0 && !connection.broken();) {
        const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left, pattern.size()));
        connection.send_all(pattern.data(), part);
        left -= part;
      }
    } else {
      for (std::uint64_t got = head.size() - end - 4; got < blob_bytes && !connection.broken();) {
        got += connection.receive(buffer.data(), buffer.size());
      }
      constexpr std::string_view kCreated = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
      connection.send_all(kCreated.data(), kCreated.size());
    }
    head.clear();
  }
}

[[noreturn]] void run_server(int listener, std::uint64_t blob_bytes, bool tls) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // never outlives the benchmark
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<char> pattern = make_pattern();
  SSL_CTX* context = tls ? make_context() : nullptr;
  for (;;) {
    const int socket = accept(listener, nullptr, nullptr);
    if (socket >= 0) std::thread(serve, socket, context, blob_bytes, std::cref(pattern)).detach();
  }
}

}  // namespace

BlobServer::BlobServer(std::uint64_t blob_bytes, bool tls) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof name;
  auto* generic = reinterpret_cast<sockaddr*>(&name);
  if (bind(listener, generic, length) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, generic, &length) != 0) {
    throw std::runtime_error("can't listen on loopback");
  }
  port_ = ntohs(name.sin_port);
  process_ = fork();
  if (process_ == 0) run_server(listener, blob_bytes, tls);
  close(listener);
}

BlobServer::~BlobServer() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::string digest_of_blob(std::uint64_t blob_bytes) {
  const std::vector<char> pattern = make_pattern();
  io::Hasher hasher;
  for (std::uint64_t left = blob_bytes; left > 0;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left, pattern.size()));
    hasher.update(as_bytes({pattern.data(), part}));
    left -= part;
  }
  return hasher.finish().to_string();
}

}  // namespace freightliner::bench
