#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "freightliner/base/guarded.h"
#include "freightliner/base/log.h"

namespace freightliner::test {

/// Keeps what is logged, from any thread.
class LogLines final : public LogSink {
 public:
  void write(LogLevel, std::string_view message) override {
    lines_.with([&](std::vector<std::string>& lines) { lines.emplace_back(message); });
  }
  Logger logger(LogLevel threshold = LogLevel::kDebug) { return {this, threshold}; }
  std::vector<std::string> all() const {
    return lines_.with([](const std::vector<std::string>& lines) { return lines; });
  }

 private:
  Guarded<std::vector<std::string>> lines_;
};

}  // namespace freightliner::test
