#include "freightliner/auth/token_cache.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "freightliner/base/defer.h"

namespace freightliner::auth {
namespace {

constexpr std::size_t kMaxTokens = 4096;

// One fetch and those who wait for it.
struct Flight {
  std::condition_variable_any landed;
  std::optional<Result<Token>> result;
};

struct Stored {
  Token token;
  std::uint64_t age = 0;  // the order in which tokens came
};

}  // namespace

class TokenCache::Impl {
 public:
  explicit Impl(Clock& clock) : clock_(clock) {}

  Result<Token> get(const std::string& key, const std::stop_token& stop, const Fetch& fetch) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (const auto it = tokens_.find(key); it != tokens_.end() && clock_.now() < it->second.token.refresh_after) {
        return it->second.token;
      }
      const auto it = flights_.find(key);
      if (it == flights_.end()) return fetch_anew(lock, key, fetch);
      const std::shared_ptr<Flight> flight = it->second;
      if (!flight->landed.wait(lock, stop, [&] { return flight->result.has_value(); })) {
        return fail(ErrorCode::kCancelled, "stopped while waiting for a token");
      }
      // Only the one who fetched was stopped.
      const bool cancelled = !*flight->result && flight->result->error().code() == ErrorCode::kCancelled;
      if (!cancelled || stop.stop_requested()) return *flight->result;
    }
  }

  void invalidate(const std::string& key, const std::string& refused) {
    const std::lock_guard lock(mutex_);
    const auto it = tokens_.find(key);
    if (it != tokens_.end() && it->second.token.value == refused) tokens_.erase(it);
  }

 private:
  Result<Token> fetch_anew(std::unique_lock<std::mutex>& lock, const std::string& key, const Fetch& fetch) {
    const auto flight = std::make_shared<Flight>();
    flights_.emplace(key, flight);
    lock.unlock();
    // Should fetch() throw (memory), nobody may wait for ever.
    Result<Token> result = fail(ErrorCode::kInternal, "the fetch of a token was abandoned");
    {
      const Defer land([&] {
        lock.lock();
        if (result) store(key, *result);
        flight->result = result;
        flights_.erase(key);
        flight->landed.notify_all();
      });
      result = fetch();
    }
    return result;
  }

  void store(const std::string& key, const Token& token) {
    tokens_.erase(key);
    if (tokens_.size() >= kMaxTokens) make_room();
    tokens_.emplace(key, Stored{token, next_age_++});
  }

  void make_room() {
    const TimePoint now = clock_.now();
    std::erase_if(tokens_, [&](const auto& entry) { return entry.second.token.refresh_after <= now; });
    if (tokens_.size() < kMaxTokens) return;
    const auto oldest = std::min_element(tokens_.begin(), tokens_.end(),
                                         [](const auto& a, const auto& b) { return a.second.age < b.second.age; });
    tokens_.erase(oldest);
  }

  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Stored> tokens_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
  std::uint64_t next_age_ = 0;
};

TokenCache::TokenCache(Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
TokenCache::~TokenCache() = default;
Result<Token> TokenCache::get(const std::string& key, const std::stop_token& stop, const Fetch& fetch) {
  return impl_->get(key, stop, fetch);
}
void TokenCache::invalidate(const std::string& key, const std::string& refused) {
  impl_->invalidate(key, refused);
}

}  // namespace freightliner::auth
