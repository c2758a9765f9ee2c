#include "cli/log_sink.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <chrono>

#include "cli/json_text.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

// Longer messages are cut: a log line is for reading.
constexpr std::size_t kMaxMessageBytes = 8192;

std::string json_line(std::chrono::system_clock::time_point time, std::string_view level, std::string_view message,
                      const Json& members = Json::object()) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(milliseconds);
  Json line;
  line["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                             (milliseconds - seconds).count());
  line["level"] = level;
  line["message"] = message;
  line.update(members);
  return json_text(line);
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string line =
        json_line(message.time, name(message.level), {message.payload.data(), message.payload.size()});
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

 private:
  static std::string_view name(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::trace:
      case spdlog::level::debug:
        return "debug";
      case spdlog::level::info:
        return "info";
      case spdlog::level::warn:
        return "warn";
      default:
        return "error";
    }
  }
};

// The terminal has the lock, so the sink needs none of its own but for its formatter, which spdlog's mutex guards.
class SpdlogTerminal final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  SpdlogTerminal(Terminal& terminal, std::unique_ptr<spdlog::formatter> formatter)
      : base_sink(std::move(formatter)), terminal_(terminal) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    terminal_.error_line({buffer.data(), buffer.size()});
  }
  void flush_() override {}

 private:
  Terminal& terminal_;
};

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  if (format == LogFormat::kJson) return std::make_unique<JsonFormatter>();
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l: %v", spdlog::pattern_time_type::utc,
                                                     "");
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
    case LogLevel::kOff:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

class TerminalLogSink::Impl {
 public:
  Impl(Terminal& terminal, LogFormat format)
      : logger("freightliner", std::make_shared<SpdlogTerminal>(terminal, make_formatter(format))) {
    logger.set_level(spdlog::level::trace);  // the threshold is the Logger's
  }
  spdlog::logger logger;
};

TerminalLogSink::TerminalLogSink(Terminal& terminal, LogFormat format)
    : impl_(std::make_unique<Impl>(terminal, format)) {}
TerminalLogSink::~TerminalLogSink() = default;

void TerminalLogSink::write(LogLevel level, std::string_view message) {
  const std::string safe = printable(message, kMaxMessageBytes);
  impl_->logger.log(to_spdlog(level), spdlog::string_view_t(safe.data(), safe.size()));
}

void write_failure(Terminal& terminal, LogFormat format, std::string_view message) {
  const std::string safe = printable(message, kMaxMessageBytes);
  if (format == LogFormat::kJson) {
    terminal.error_line(json_line(std::chrono::system_clock::now(), "error", safe));
    return;
  }
  const std::string_view word = terminal.colours() ? "\x1b[31merror:\x1b[0m" : "error:";
  terminal.error_line(fmt::format("freightliner: {} {}", word, safe));
}

void write_warning(Terminal& terminal, LogFormat format, std::string_view message) {
  const std::string safe = printable(message, kMaxMessageBytes);
  terminal.error_line(format == LogFormat::kJson ? json_line(std::chrono::system_clock::now(), "warn", safe)
                                                 : fmt::format("freightliner: warning: {}", safe));
}

void write_event(Terminal& terminal, std::string_view message, const Json& members) {
  terminal.error_line(json_line(std::chrono::system_clock::now(), "info", message, members));
}

void write_progress(Terminal& terminal, LogFormat format, std::string_view message) {
  terminal.error_line(format == LogFormat::kJson ? json_line(std::chrono::system_clock::now(), "info", message)
                                                 : fmt::format("freightliner: {}", message));
}

}  // namespace freightliner::cli
