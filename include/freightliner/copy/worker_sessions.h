#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "freightliner/http/session.h"

namespace freightliner::copy {

/// The sessions of a pool's workers, made when first needed, each used by its own worker only.
class WorkerSessions {
 public:
  /// `make` makes the session of a thread; may be called from any of them.
  WorkerSessions(std::size_t workers, std::function<std::unique_ptr<http::Session>()> make)
      : make_(std::move(make)), sessions_(workers) {}

  http::Session& of(std::size_t worker) {
    if (!sessions_[worker]) sessions_[worker] = make_();
    return *sessions_[worker];
  }

 private:
  std::function<std::unique_ptr<http::Session>()> make_;
  std::vector<std::unique_ptr<http::Session>> sessions_;
};

}  // namespace freightliner::copy
