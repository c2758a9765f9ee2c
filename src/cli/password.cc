#include "cli/password.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {
namespace {

constexpr std::size_t kMaxPasswordBytes = 64 * kKiB;

// To the end: a pipe brings what is written in pieces. io's readers take files, which have positions.
Result<std::string> read_stream(int descriptor) {
  if (::isatty(descriptor) == 1)
    return fail(ErrorCode::kUsage, "it is a terminal; pipe the password in, or use a file");
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::kUsage, std::strerror(errno));
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kMaxPasswordBytes) return fail(ErrorCode::kUsage, "it is longer than 64 KiB");
  }
}

Result<std::string> check_password(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(ErrorCode::kUsage, "it is empty");
  if (text.find('\n') != std::string::npos) return fail(ErrorCode::kUsage, "it has more than one line");
  // RFC 7617, section 2: no control characters in user-id or password.
  const bool control = std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (control) return fail(ErrorCode::kUsage, "there is a control character in it");
  return text;
}

}  // namespace

Result<std::string> read_password(const std::string& path, int standard_input) {
  const bool from_input = path == "-";
  auto text = from_input ? read_stream(standard_input) : io::read_small_file(path, kMaxPasswordBytes);
  if (text) text = check_password(*std::move(text));
  if (text) return text;
  return fail(
      Error(ErrorCode::kUsage, text.error().describe())
          .with_context(from_input ? std::string("password from standard input") : "password file " + printable(path)));
}

}  // namespace freightliner::cli
