#pragma once

#include <stop_token>

#include "freightliner/http/session.h"

namespace freightliner::http {

/// The thread that makes a call: its own session, and the token that tells it to stop. Made per task, passed down.
struct Caller {
  Session& session;
  std::stop_token stop;
};

}  // namespace freightliner::http
