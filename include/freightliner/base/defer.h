#pragma once

#include <utility>

namespace freightliner {

/// Runs a function when the scope ends, unless it was dismissed. The function must not throw.
template <class Function>
class [[nodiscard]] Defer {
 public:
  explicit Defer(Function function) : function_(std::move(function)) {}
  Defer(const Defer&) = delete;
  Defer& operator=(const Defer&) = delete;
  ~Defer() {
    if (armed_) function_();
  }
  void dismiss() noexcept { armed_ = false; }

 private:
  Function function_;
  bool armed_ = true;
};

}  // namespace freightliner
