#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "freightliner/base/text.h"

namespace freightliner::test {

/// What a server saw.
struct SeenRequest {
  std::string method;
  std::string target;
  std::string head;  // all header lines
  std::string body;  // as it came, also in the chunked transfer coding

  /// The value of a header; empty where there is none.
  std::string header(std::string_view name) const {
    for (const std::string_view line : split(head, '\n')) {
      const auto colon = line.find(':');
      if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
        return std::string(trim(line.substr(colon + 1)));
      }
    }
    return {};
  }
};

/// An HTTP/1.1 server on 127.0.0.1 (or another loopback address) with a port of its own: one thread, one request per
/// connection, answered by a function.
class ScriptedServer {
 public:
  struct Answer {
    int status = 200;
    std::string body = {};
    std::vector<std::string> headers = {};
  };
  using Handler = std::function<Answer(const SeenRequest&)>;

  explicit ScriptedServer(Handler handler, const char* address = "127.0.0.1")
      : address_(address), handler_(std::move(handler)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    inet_pton(AF_INET, address, &name.sin_addr);
    socklen_t length = sizeof name;
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    if (bind(listener_, generic, length) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, generic, &length) != 0) {
      ADD_FAILURE() << "cannot listen on " << address;
    }
    port_ = ntohs(name.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string host() const { return fmt::format("{}:{}", address_, port_); }
  std::string url(std::string_view path) const { return fmt::format("http://{}{}", host(), path); }
  std::vector<SeenRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// Connections that were accepted, with a request or without.
  int connections() const { return connections_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd ready{listener_, POLLIN, 0};
      if (poll(&ready, 1, 100) <= 0) continue;
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      ++connections_;
      serve(connection);
      close(connection);
    }
  }

  void serve(int connection) {
    std::string data;
    SeenRequest request;
    std::size_t head_end = std::string::npos;
    std::size_t length = 0;
    bool chunked = false;
    while (head_end == std::string::npos || data.size() < head_end + 4 + length ||
           (chunked && !data.ends_with("\r\n0\r\n\r\n"))) {
      char buffer[4096];
      const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
      if (count <= 0) return;
      data.append(buffer, static_cast<std::size_t>(count));
      if (data.front() == '\x16') return refuse_tls(connection);
      if (head_end != std::string::npos) continue;
      head_end = data.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      request.head = data.substr(0, head_end);
      chunked = request.header("transfer-encoding") == "chunked";
      const std::string declared = request.header("content-length");
      std::from_chars(declared.data(), declared.data() + declared.size(), length);
    }
    const auto parts = split(std::string_view(request.head).substr(0, request.head.find('\r')), ' ');
    request.method = parts.at(0);
    request.target = parts.size() > 1 ? parts[1] : "";
    request.body = data.substr(head_end + 4);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const Answer answer = handler_(request);
    std::string text = fmt::format("HTTP/1.1 {} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n", answer.status,
                                   answer.body.size());
    for (const std::string& header : answer.headers) text += header + "\r\n";
    text += "\r\n" + answer.body;
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t count = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }

  /// As web servers answer a TLS ClientHello where they speak plain http.
  static void refuse_tls(int connection) {
    constexpr std::string_view kAnswer = "HTTP/1.0 400 Bad Request\r\n\r\n";
    if (send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) < 0) ADD_FAILURE() << "cannot answer";
  }

  const std::string address_;
  const Handler handler_;
  const int listener_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<SeenRequest> requests_;
  std::thread thread_;
};

}  // namespace freightliner::test
