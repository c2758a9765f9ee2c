#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "freightliner/base/clock.h"
#include "freightliner/base/result.h"

namespace freightliner::auth {

struct Token {
  std::string value;
  TimePoint refresh_after;  // monotonic: counted from receipt, so a skewed clock does not matter
};

/// Bearer tokens by key (realm, service, identity, scope set). Single-flight: of many threads that need the same token
/// one fetches it, the others wait. Safe from any thread; bounded.
class TokenCache {
 public:
  using Fetch = std::function<Result<Token>()>;
  explicit TokenCache(Clock& clock);
  ~TokenCache();

  /// The cached token, while it is fresh, else what `fetch` brings. A failure is given to all who waited and not kept;
  /// but where `fetch` was cancelled, those who waited and were not stopped fetch themselves. Errors: kCancelled once
  /// `stop` is requested, those of `fetch`.
  Result<Token> get(const std::string& key, const std::stop_token& stop, const Fetch& fetch);
  /// Drops the token, if it is still `refused`: the next get() fetches anew.
  void invalidate(const std::string& key, const std::string& refused);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freightliner::auth
