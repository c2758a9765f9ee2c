#pragma once

#include "freightliner/http/message.h"

namespace freightliner::http {

/// True where the body of this request can move between chunks and socket without libcurl: plain http, without a proxy,
/// and with a libcurl whose behaviour around it is known. libcurl still connects, sends the head and reads the head of
/// the answer.
bool can_go_direct(const Request& request);

/// True where the other end of this connection is so near that a new connection costs next to nothing.
bool is_near(int socket);

/// Of a body that is moved directly, at most this many chunks go into one system call.
inline constexpr std::size_t kMostParts = 16;

}  // namespace freightliner::http
