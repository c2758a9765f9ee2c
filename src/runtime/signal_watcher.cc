#include "freightliner/runtime/signal_watcher.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>

#include "freightliner/base/guarded.h"
#include "freightliner/io/file.h"

namespace freightliner::runtime {
namespace {

// A SIGHUP that is ignored is somebody's wish (nohup).
sigset_t watched_signals() noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  struct sigaction hangup = {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP);
  return set;
}

io::UniqueFd checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return io::UniqueFd(fd);
}

}  // namespace

// The thread sleeps in poll(2) on a signalfd and on an eventfd; the eventfd tells it that the deadline or quit_
// changed.
class SignalWatcher::Impl {
 public:
  // The descriptors are opened before the mask changes, so that a failure leaves nothing behind.
  Impl() : signals_(open_signals()), wake_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
    const sigset_t set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, &old_mask_);
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &old_sigpipe_);
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    quit_.store(true);
    wake();
    thread_.join();
    sigaction(SIGPIPE, &old_sigpipe_, nullptr);
    pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::stop_token token() const noexcept { return stop_.get_token(); }
  int signal() const noexcept { return signal_.load(); }
  bool deadline_passed() const noexcept { return deadline_passed_.load(); }

  void stop_after(Duration limit) {
    const TimePoint now = std::chrono::steady_clock::now();
    // A limit beyond the clock's range would overflow; a year is as good as never for one run.
    const Duration bounded = std::clamp(limit, Duration(0), Duration(std::chrono::hours(24 * 365)));
    deadline_.with([&](std::optional<TimePoint>& deadline) { deadline = now + bounded; });
    wake();
  }

 private:
  static io::UniqueFd open_signals() {
    const sigset_t set = watched_signals();
    return checked(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
  }

  void wake() const noexcept {
    const std::uint64_t one = 1;
    // Can only fail where the counter is full, and then the thread wakes up anyway.
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  }

  void run() noexcept {
    while (!quit_.load()) {
      std::array<pollfd, 2> fds = {pollfd{signals_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
      poll(fds.data(), fds.size(), poll_timeout());
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t drained = read(wake_.get(), &count, sizeof count);
      signalfd_siginfo info = {};
      while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        take(static_cast<int>(info.ssi_signo));
      }
      check_deadline();
    }
  }

  void take(int number) noexcept {
    int none = 0;
    if (!signal_.compare_exchange_strong(none, number)) _exit(128 + number);
    stop_.request_stop();
  }

  // Milliseconds until the deadline, rounded up so that the thread does not spin through the last one; -1: no deadline.
  int poll_timeout() const {
    const std::optional<TimePoint> deadline = deadline_.with([](const auto& value) { return value; });
    if (!deadline) return -1;
    const auto left = std::chrono::ceil<Duration>(*deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<Duration::rep>(left, 0, std::numeric_limits<int>::max()));
  }

  void check_deadline() {
    const bool due = deadline_.with([](std::optional<TimePoint>& deadline) {
      if (!deadline || std::chrono::steady_clock::now() < *deadline) return false;
      deadline.reset();
      return true;
    });
    if (!due || stop_.stop_requested()) return;
    deadline_passed_.store(true);
    stop_.request_stop();
  }

  io::UniqueFd signals_;
  io::UniqueFd wake_;
  sigset_t old_mask_ = {};
  struct sigaction old_sigpipe_ = {};
  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::atomic<bool> deadline_passed_{false};
  std::atomic<bool> quit_{false};
  Guarded<std::optional<TimePoint>> deadline_;
  std::thread thread_;
};

SignalWatcher::SignalWatcher() : impl_(std::make_unique<Impl>()) {}
SignalWatcher::~SignalWatcher() = default;
std::stop_token SignalWatcher::token() const noexcept {
  return impl_->token();
}
int SignalWatcher::signal() const noexcept {
  return impl_->signal();
}
void SignalWatcher::stop_after(Duration limit) {
  impl_->stop_after(limit);
}
bool SignalWatcher::deadline_passed() const noexcept {
  return impl_->deadline_passed();
}

}  // namespace freightliner::runtime
