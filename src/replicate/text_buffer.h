#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "freightliner/base/bytes.h"
#include "freightliner/base/result.h"

namespace freightliner::replicate {

/// Gathers short texts and hands them to a sink in pieces of about 64 KiB. What was not flushed is lost. Confined to
/// one thread.
class TextBuffer {
 public:
  using Sink = std::function<Status(std::string_view)>;

  explicit TextBuffer(Sink sink) : sink_(std::move(sink)) {}

  Status append(std::string_view text) {
    pending_ += text;
    return pending_.size() < 64 * kKiB ? Status() : flush();
  }
  Status flush() {
    if (pending_.empty()) return {};
    FL_CHECK(sink_(pending_));
    pending_.clear();
    return {};
  }

 private:
  Sink sink_;
  std::string pending_;
};

}  // namespace freightliner::replicate
