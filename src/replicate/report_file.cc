#include "replicate/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <istream>
#include <streambuf>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"
#include "replicate/report_format.h"

namespace freightliner::replicate {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxDocument = 4 * kGiB;
constexpr std::size_t kMaxToken = kMiB;
constexpr int kMaxDepth = 64;

/// The bytes of a file for the parser. Looks at them first: the parser itself would take a token of any length into
/// memory, and a NUL for the end of the document. Behind what is refused the file seems to end.
class ReportSource final : public std::streambuf {
 public:
  explicit ReportSource(const io::UniqueFd& file) : file_(file) {}

  int error_number() const noexcept { return error_number_; }
  const std::string& refusal() const noexcept { return refusal_; }

 protected:
  int_type underflow() override {
    if (error_number_ != 0 || !refusal_.empty()) return traits_type::eof();
    ssize_t count = 0;
    do {
      count = ::read(file_.get(), buffer_.data(), buffer_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) error_number_ = errno;
    if (count <= 0) return traits_type::eof();
    const std::size_t size = accepted({buffer_.data(), static_cast<std::size_t>(count)});
    if (size == 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + size);
    return traits_type::to_int_type(buffer_.front());
  }

 private:
  /// How many of the bytes the parser may see.
  std::size_t accepted(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      follow(bytes[i]);
      if (++total_ > kMaxDocument) {
        refusal_ = fmt::format("it is longer than {}, the limit", format_bytes(kMaxDocument));
      } else if (bytes[i] == '\0') {
        refusal_ = "it holds a NUL byte";
      } else if (token_ > kMaxToken) {
        refusal_ = fmt::format("a value in it is longer than {}, the limit", format_bytes(kMaxToken));
      } else if (depth_ > kMaxDepth) {
        refusal_ = fmt::format("it is nested more than {} deep, the limit", kMaxDepth);
      } else {
        continue;
      }
      return i;
    }
    return bytes.size();
  }

  void follow(char c) noexcept {
    ++token_;
    if (in_string_) {
      if (!escaped_ && c == '"') in_string_ = false;
      escaped_ = !escaped_ && c == '\\';
      return;
    }
    if (c == '"') {
      in_string_ = true;
      token_ = 0;
    } else if (c == '{' || c == '[') {
      ++depth_;
      token_ = 0;
    } else if (c == '}' || c == ']') {
      --depth_;
      token_ = 0;
    } else if (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      token_ = 0;
    }
  }

  const io::UniqueFd& file_;
  std::array<char, 64 * kKiB> buffer_;
  int error_number_ = 0;
  std::string refusal_;
  std::uint64_t total_ = 0;
  std::size_t token_ = 0;  // bytes since the token began
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace

bool ReportVisitor::binary(binary_t& /*value*/) {
  return stop("binary values are not JSON");
}

bool ReportVisitor::parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& /*error*/) {
  malformed_ = true;
  return stop(fmt::format("it is not JSON at byte {}", position));
}

bool ReportVisitor::stop(std::string reason) {
  reason_ = std::move(reason);
  return false;
}

bool ReportVisitor::accept_format(std::uint64_t format) {
  if (format == 0) return stop(fmt::format("it has no member \"{}\"", kReportMark));
  if (format == kReportFormat) return true;
  return stop(fmt::format("its format is {}, and this version of freightliner reads format {}", format, kReportFormat));
}

Status visit_report(const std::filesystem::path& path, ReportVisitor& visitor) {
  const std::string shown = printable(path.native(), 4096);
  const io::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(io::errno_error(errno, "open the report " + shown));
  try {
    ReportSource source(file);
    std::istream stream(&source);
    const bool parsed = Json::sax_parse(stream, &visitor);
    if (source.error_number() != 0) return fail(io::errno_error(source.error_number(), "read the report " + shown));
    // What was kept from the parser looks like an end too early to it, and a NUL like the end of a whole document.
    const bool cut = !source.refusal().empty() && (parsed || visitor.malformed());
    if (parsed && !cut && visitor.complete()) return {};
    return fail(ErrorCode::kUsage,
                fmt::format("{} is no report of freightliner: {}", shown, cut ? source.refusal() : visitor.reason()));
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, fmt::format("{}: parsing JSON failed: {}", shown, printable(error.what())));
  }
}

}  // namespace freightliner::replicate
