#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace freightliner {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

/// Where log lines go. Implementations are safe to call from any thread and escape control characters.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;
};

/// A handle on a sink with a threshold; copy it freely. Formats only what will be written. The sink outlives it.
class Logger {
 public:
  Logger() = default;
  Logger(LogSink* sink, LogLevel threshold) : sink_(sink), threshold_(threshold) {}

  bool enabled(LogLevel level) const noexcept { return sink_ != nullptr && level >= threshold_; }
  void write(LogLevel level, std::string_view message) const {
    if (enabled(level)) sink_->write(level, message);
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    emit(LogLevel::kDebug, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    emit(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    emit(LogLevel::kWarn, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    emit(LogLevel::kError, format, std::forward<Args>(args)...);
  }

 private:
  template <class... Args>
  void emit(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) sink_->write(level, fmt::format(format, std::forward<Args>(args)...));
  }

  LogSink* sink_ = nullptr;
  LogLevel threshold_ = LogLevel::kOff;
};

}  // namespace freightliner
