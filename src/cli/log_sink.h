#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/json_text.h"
#include "cli/terminal.h"
#include "freightliner/base/log.h"

namespace freightliner::cli {

enum class LogFormat { kText, kJson };

/// Log lines to standard error by way of spdlog: "2024-05-01T12:00:00.123Z warn: …" or one JSON object per line.
/// Control characters never get through. Safe from any thread; the terminal outlives it.
class TerminalLogSink final : public LogSink {
 public:
  TerminalLogSink(Terminal& terminal, LogFormat format);
  ~TerminalLogSink() override;

  void write(LogLevel level, std::string_view message) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes "freightliner: error: …" (text) or a JSON object of level "error" (json): the one line of a failure.
void write_failure(Terminal& terminal, LogFormat format, std::string_view message);

/// Writes "freightliner: warning: …" (text) or a JSON object of level "warn" (json), whatever the log level.
void write_warning(Terminal& terminal, LogFormat format, std::string_view message);

/// Writes a JSON object of level "info" with further members.
void write_event(Terminal& terminal, std::string_view message, const Json& members);

/// Writes "freightliner: …" (text) or a JSON object of level "info" (json): one line of progress, whatever the log
/// level.
void write_progress(Terminal& terminal, LogFormat format, std::string_view message);

}  // namespace freightliner::cli
