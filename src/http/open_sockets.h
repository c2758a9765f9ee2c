#pragma once

#include <string>
#include <vector>

namespace freightliner::http {

/// The addresses at both ends of a TCP connection, as libcurl tells them before each request.
struct Endpoints {
  std::string local_address;
  int local_port = 0;
  std::string remote_address;
  int remote_port = 0;
};

/// The sockets that a session's transfers have opened, to find the one that a request goes out on: libcurl 7.88.1 tells
/// it (CURLINFO_ACTIVESOCKET) only of a transfer that is over. The descriptors stay libcurl's. It may have closed some
/// of them, and the number may stand for another file by now: that is no matter, as only the connection itself has its
/// endpoints. Confined to one thread.
class OpenSockets {
 public:
  void opened(int descriptor);
  /// The descriptor of the connection between these endpoints; -1 where there is none.
  int find(const Endpoints& endpoints);

 private:
  std::vector<int> descriptors_;
};

}  // namespace freightliner::http
