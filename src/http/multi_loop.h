#pragma once

#include <functional>
#include <stop_token>
#include <vector>

#include "http/transfer.h"

namespace freightliner::http {

/// A libcurl multi handle and the transfers that are open on it. Whoever waits for one of them drives all. Confined to
/// one thread.
class MultiLoop {
 public:
  MultiLoop();
  MultiLoop(const MultiLoop&) = delete;
  MultiLoop& operator=(const MultiLoop&) = delete;

  Status add(Transfer& transfer);
  /// Takes libcurl's part out of an open transfer, whose connection it closes; the rest goes on.
  void detach(Transfer& transfer) noexcept { curl_multi_remove_handle(multi_.get(), transfer.handle()); }
  /// Takes the transfer off; its connection is closed where the exchange is unfinished.
  void remove(Transfer& transfer) noexcept;
  /// Runs rounds until `finished()` is true. Errors: kCancelled when `stop` is asked for and `grace` has passed since;
  /// kInternal.
  Status drive_until(const std::function<bool()>& finished, const std::stop_token& stop, Duration grace = Duration(0));

 private:
  Status round();
  /// Both: true where a transfer ended in this round.
  bool collect_finished();
  bool give_up_stalled(TimePoint now);

  MultiHandle multi_;
  std::vector<Transfer*> open_;
  TimePoint last_round_{};
};

}  // namespace freightliner::http
