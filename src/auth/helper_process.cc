#include "auth/helper_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "freightliner/base/defer.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::auth {
namespace {

struct Pipe {
  io::UniqueFd read_end;
  io::UniqueFd write_end;
};

Unexpected system_failure(std::string_view what, int error_number) {
  return fail(ErrorCode::kAuthentication, fmt::format("{}: {}", what, std::generic_category().message(error_number)));
}

// Both ends lie above the standard descriptors, so that putting one end in the
// place of 0, 1 or 2 never overwrites another.
Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", errno);
  std::array<io::UniqueFd, 2> low = {io::UniqueFd(ends[0]), io::UniqueFd(ends[1])};
  for (io::UniqueFd& fd : low) {
    if (fd.get() > STDERR_FILENO) continue;
    io::UniqueFd high(fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!high) return system_failure("fcntl", errno);
    fd = std::move(high);
  }
  return Pipe{std::move(low[0]), std::move(low[1])};
}

std::vector<char*> environment_without_passwords() {
  constexpr std::string_view kPrefix = "FREIGHTLINER_";
  constexpr std::string_view kSuffix = "_PASSWORD";
  std::vector<char*> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) continue;
    result.push_back(*entry);
  }
  result.push_back(nullptr);
  return result;
}

// posix_spawn's attributes: a new process group, nothing blocked, and default
// actions for what we block or ignore.
int set_attributes(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ, SIGCHLD}) sigaddset(&defaults, number);
  constexpr int kFlags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  int error = posix_spawnattr_setflags(attributes, static_cast<short>(kFlags));
  if (error == 0) error = posix_spawnattr_setpgroup(attributes, 0);
  if (error == 0) error = posix_spawnattr_setsigmask(attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &defaults);
  return error;
}

int set_actions(posix_spawn_file_actions_t* actions, int in, int out, int err) {
  int error = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
  if (error == 0) error = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
  if (error == 0) error = posix_spawn_file_actions_adddup2(actions, err, STDERR_FILENO);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
  return error;
}

Result<pid_t> spawn(const std::filesystem::path& program, const std::string& argument, std::array<int, 3> standard) {
  posix_spawnattr_t attributes;
  if (const int error = posix_spawnattr_init(&attributes); error != 0) return system_failure("posix_spawn", error);
  const Defer free_attributes([&] { posix_spawnattr_destroy(&attributes); });
  posix_spawn_file_actions_t actions;
  if (const int error = posix_spawn_file_actions_init(&actions); error != 0)
    return system_failure("posix_spawn", error);
  const Defer free_actions([&] { posix_spawn_file_actions_destroy(&actions); });

  int error = set_attributes(&attributes);
  if (error == 0) error = set_actions(&actions, standard[0], standard[1], standard[2]);
  if (error != 0) return system_failure("posix_spawn", error);

  std::string name = program.filename().string();
  std::string only_argument = argument;
  std::array<char*, 3> argv = {name.data(), only_argument.data(), nullptr};
  const std::vector<char*> environment = environment_without_passwords();
  pid_t child = 0;
  error = posix_spawn(&child, program.c_str(), &actions, &attributes, argv.data(), environment.data());
  if (error != 0) return system_failure(fmt::format("cannot start {}", printable(program.string())), error);
  return child;
}

// One of the helper's outputs, read without blocking.
struct Stream {
  io::UniqueFd fd;
  std::size_t limit;  // one byte more is kept, so that an overflow shows
  std::string text = {};

  bool open() const noexcept { return static_cast<bool>(fd); }
  bool overflowed() const noexcept { return text.size() > limit; }

  // Reads what there is; closes itself at the end of the stream.
  void drain() {
    std::array<char, 4096> buffer;
    while (open() && !overflowed()) {
      const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count <= 0) return fd.reset();
      text.append(buffer.data(), std::min(static_cast<std::size_t>(count), limit + 1 - text.size()));
    }
  }
  // Drops what is beyond the limit: the writer must not block on a full pipe.
  // One bounded round per call, so that an endless writer does not keep the
  // caller from its deadline.
  void drain_and_truncate() {
    drain();
    if (overflowed()) text.resize(limit);
  }
};

enum class Outcome { kExited, kTimeout, kTooMuchOutput, kStopped };

// A stop is looked for this often: a helper is rare, and short.
constexpr Duration::rep kStopPollMilliseconds = 100;

// The exit of the program ends the wait, not the end of its output: a child
// that it left behind may hold that open.
Outcome wait_for(int pidfd, Stream& out, Stream& err, Duration timeout, const std::stop_token& stop) {
  const TimePoint deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return Outcome::kTimeout;
    if (stop.stop_requested()) return Outcome::kStopped;
    std::array<pollfd, 3> fds = {pollfd{pidfd, POLLIN, 0}, pollfd{out.fd.get(), POLLIN, 0},
                                 pollfd{err.fd.get(), POLLIN, 0}};  // poll(2) passes over closed ones: they are -1
    poll(fds.data(), fds.size(), static_cast<int>(std::min<Duration::rep>(left, kStopPollMilliseconds)));
    const bool exited = (fds[0].revents & POLLIN) != 0;
    out.drain();
    err.drain_and_truncate();
    if (out.overflowed()) return Outcome::kTooMuchOutput;
    if (exited) return Outcome::kExited;
  }
}

Result<int> reap(pid_t child) {
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = waitpid(child, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped < 0) return system_failure("waitpid", errno);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// By number: glibc 2.36 declares pidfd_open(2) without extern "C".
int open_pidfd(pid_t child) noexcept {
  return static_cast<int>(syscall(SYS_pidfd_open, child, 0U));
}

bool make_nonblocking(int fd) noexcept {
  return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

Result<HelperOutput> run_helper(const std::filesystem::path& program, const std::string& argument,
                                std::string_view input, Duration timeout, const std::stop_token& stop) {
  FL_TRY(Pipe in, make_pipe());
  FL_TRY(Pipe out, make_pipe());
  FL_TRY(Pipe err, make_pipe());
  // A pipe takes a page without blocking, and while its read end is ours there
  // is no SIGPIPE.
  FL_CHECK(io::write_all(in.write_end, as_bytes(input)));
  in.write_end.reset();
  if (!make_nonblocking(out.read_end.get()) || !make_nonblocking(err.read_end.get())) {
    return system_failure("fcntl", errno);
  }
  FL_TRY(const pid_t child, spawn(program, argument, {in.read_end.get(), out.write_end.get(), err.write_end.get()}));
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();

  Stream standard_out{std::move(out.read_end), kMaxHelperOutput};
  Stream standard_err{std::move(err.read_end), kMaxHelperDiagnostics};
  const io::UniqueFd pidfd(open_pidfd(child));
  const int pidfd_error = errno;
  const Outcome outcome = pidfd ? wait_for(pidfd.get(), standard_out, standard_err, timeout, stop) : Outcome::kTimeout;
  // The group is named by the child, which is not reaped yet: the number can't
  // belong to anyone else.
  if (outcome != Outcome::kExited) kill(-child, SIGKILL);
  FL_TRY(const int status, reap(child));
  if (!pidfd) return system_failure("pidfd_open", pidfd_error);
  if (outcome == Outcome::kStopped) return fail(ErrorCode::kCancelled, "stopped, and the helper ended");
  if (outcome == Outcome::kTimeout) {
    return fail(ErrorCode::kAuthentication,
                fmt::format("it gave no answer within {} and was ended", format_duration(timeout)));
  }
  if (outcome == Outcome::kTooMuchOutput) {
    return fail(ErrorCode::kAuthentication,
                fmt::format("it wrote more than {} and was ended", format_bytes(kMaxHelperOutput)));
  }
  return HelperOutput{status, std::move(standard_out.text), std::move(standard_err.text)};
}

}  // namespace freightliner::auth
