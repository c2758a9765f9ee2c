#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "freightliner/io/hasher.h"
#include "relay/variants.h"

namespace freightliner::bench {
namespace {

class Client {
 public:
  Client(int port, SSL_CTX* context) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(static_cast<std::uint16_t>(port));
    if (connect(socket_, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) throw std::runtime_error("connect");
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, socket_);
    if (SSL_connect(ssl_) != 1) throw std::runtime_error("TLS handshake");
  }
  ~Client() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    close(socket_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::size_t receive(char* data, std::size_t size) {
    const auto count = ssl_ != nullptr ? SSL_read(ssl_, data, static_cast<int>(size)) : recv(socket_, data, size, 0);
    if (count <= 0) throw std::runtime_error("receive");
    return static_cast<std::size_t>(count);
  }
  void send_all(const char* data, std::size_t size) {
    while (size > 0) {
      const auto count =
          ssl_ != nullptr ? SSL_write(ssl_, data, static_cast<int>(size)) : send(socket_, data, size, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error("send");
      data += count;
      size -= static_cast<std::size_t>(count);
    }
  }

 private:
  int socket_;
  SSL* ssl_ = nullptr;
};

}  // namespace

void relay_raw(const RelayJob& job, std::size_t buffer_size) {
  SSL_CTX* context = job.tls ? SSL_CTX_new(TLS_client_method()) : nullptr;
  {
    Client source(job.port, context);
    Client destination(job.port, context);
    const std::string get = "GET /blob HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string put =
        fmt::format("PUT /blob HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", job.blob_bytes);
    source.send_all(get.data(), get.size());
    destination.send_all(put.data(), put.size());

    std::vector<char> buffer(buffer_size);
    io::Hasher hasher;
    std::size_t filled = source.receive(buffer.data(), buffer.size());
    const auto head = std::string_view(buffer.data(), filled).find("\r\n\r\n") + 4;
    std::uint64_t moved = 0;
    std::size_t begin = head;
    for (;;) {
      hasher.update(as_bytes({buffer.data() + begin, filled - begin}));
      destination.send_all(buffer.data() + begin, filled - begin);
      moved += filled - begin;
      if (moved == job.blob_bytes) break;
      filled = source.receive(buffer.data(), buffer.size());
      begin = 0;
    }
    destination.receive(buffer.data(), buffer.size());
    if (hasher.finish().to_string() != job.digest) throw std::runtime_error("raw loop: wrong digest");
  }
  SSL_CTX_free(context);
}

}  // namespace freightliner::bench
