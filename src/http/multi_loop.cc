#include "http/multi_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace freightliner::http {
namespace {

// Stall limits are looked at at least this often.
constexpr int kPollMilliseconds = 500;
constexpr Duration kIdle{1000};
// A session has one download and one upload at a time.
constexpr std::size_t kMostDirect = 2;

// One session talks to one source and one destination at a time; redirects add a storage host.
constexpr long kCachedConnections = 8;

}  // namespace

MultiLoop::MultiLoop() : multi_(curl_multi_init()) {
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, kCachedConnections);
  curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

Status MultiLoop::add(Transfer& transfer) {
  const CURLMcode code = curl_multi_add_handle(multi_.get(), transfer.handle());
  if (code != CURLM_OK) return fail(ErrorCode::kInternal, fmt::format("libcurl: {}", curl_multi_strerror(code)));
  open_.push_back(&transfer);
  return {};
}

void MultiLoop::remove(Transfer& transfer) noexcept {
  const auto it = std::ranges::find(open_, &transfer);
  if (it == open_.end()) return;
  open_.erase(it);
  curl_multi_remove_handle(multi_.get(), transfer.handle());
}

Status MultiLoop::drive_until(const std::function<bool()>& finished, const std::stop_token& stop, Duration grace) {
  const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
  std::optional<TimePoint> end;
  while (!finished()) {
    if (stop.stop_requested()) {
      const TimePoint now = std::chrono::steady_clock::now();
      if (!end) end = now + grace;
      if (now >= *end) return fail(ErrorCode::kCancelled, "stopped");
    }
    FL_CHECK(round());
  }
  return {};
}

Status MultiLoop::round() {
  const TimePoint now = std::chrono::steady_clock::now();
  // Time in which nobody drove the loop (a back-off, a token that another thread fetched) is no server's fault.
  const bool was_idle = now - last_round_ > kIdle;
  last_round_ = now;
  bool settled = false;
  for (Transfer* transfer : open_) settled |= !transfer->done() && transfer->send_directly();
  // Whoever waits for a free chunk gets it before a download does.
  if (settled) return {};
  for (Transfer* transfer : open_) settled |= !transfer->done() && transfer->receive_directly();
  // Unpause first, then perform, then poll: data that libcurl kept for a paused transfer does not wake a poll.
  for (Transfer* transfer : open_) {
    if (was_idle) transfer->restart_stall_guard(now);
    if (!transfer->done()) transfer->before_round(now);
  }
  int running = 0;
  CURLMcode code = curl_multi_perform(multi_.get(), &running);
  if (code != CURLM_OK) return fail(ErrorCode::kInternal, fmt::format("libcurl: {}", curl_multi_strerror(code)));
  settled |= collect_finished();
  settled |= give_up_stalled(now);
  for (Transfer* transfer : open_) settled |= transfer->take_moved() > 0;
  // Where bytes moved there are likely more: a poll would cost a system call for nothing.
  if (settled) return {};
  std::array<curl_waitfd, kMostDirect> waits{};
  unsigned count = 0;
  for (Transfer* transfer : open_) {
    const auto wait = transfer->done() || count == waits.size() ? std::nullopt : transfer->waits_for();
    if (wait) waits[count++] = *wait;
  }
  code = curl_multi_poll(multi_.get(), waits.data(), count, kPollMilliseconds, nullptr);
  if (code != CURLM_OK) return fail(ErrorCode::kInternal, fmt::format("libcurl: {}", curl_multi_strerror(code)));
  return {};
}

bool MultiLoop::collect_finished() {
  bool any = false;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* self = nullptr;
    const CURLcode result = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    static_cast<Transfer*>(static_cast<void*>(self))->complete(result);
    any = true;
  }
  return any;
}

bool MultiLoop::give_up_stalled(TimePoint now) {
  bool any = false;
  for (Transfer* transfer : open_) {
    if (transfer->done() || !transfer->stalled(now)) continue;
    transfer->give_up(Error(ErrorCode::kTemporary, fmt::format("{} stalled: too few bytes per second",
                                                               transfer->response().url.origin().to_string())));
    any = true;
  }
  return any;
}

}  // namespace freightliner::http
