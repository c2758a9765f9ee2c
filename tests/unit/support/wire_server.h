#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace freightliner::test {

/// A listener on loopback whose connections are served, one after the other, by a function.
class WireServer {
 public:
  explicit WireServer(std::function<void(int connection)> serve)
      : serve_(std::move(serve)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    if (bind(listener_, generic, length) != 0 || listen(listener_, 4) != 0 ||
        getsockname(listener_, generic, &length) != 0) {
      ADD_FAILURE() << "cannot listen";
    }
    port_ = ntohs(name.sin_port);
    thread_ = std::thread([this] {
      for (;;) {
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) return;
        ++connections_;
        serve_(connection);
        close(connection);
      }
    });
  }
  ~WireServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  WireServer(const WireServer&) = delete;
  WireServer& operator=(const WireServer&) = delete;

  std::string url(std::string_view path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }
  int port() const { return port_; }
  int connections() const { return connections_; }

  static void say(int connection, std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// Reads a request head; returns how many bytes of the body came with it.
  static std::size_t hear_head(int connection) {
    std::string data;
    while (data.find("\r\n\r\n") == std::string::npos) {
      char buffer[4096];
      const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
      if (count <= 0) return 0;
      data.append(buffer, static_cast<std::size_t>(count));
    }
    return data.size() - data.find("\r\n\r\n") - 4;
  }
  /// Reads until `count` bytes came, or the client closed.
  static void hear(int connection, std::size_t count) {
    std::vector<char> buffer(64 * 1024);
    while (count > 0) {
      const ssize_t part = recv(connection, buffer.data(), std::min(count, buffer.size()), 0);
      if (part <= 0) return;
      count -= static_cast<std::size_t>(part);
    }
  }

 private:
  const std::function<void(int)> serve_;
  const int listener_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace freightliner::test
