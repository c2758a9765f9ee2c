#pragma once

#include <array>
#include <cstddef>

#include "freightliner/runtime/memory_governor.h"

namespace freightliner::runtime {

/// A level that follows a value: up as soon as the value reaches a step's threshold, down only when it is below the
/// lower one where the step is left.
class MemoryLadder {
 public:
  using Thresholds = std::array<double, 3>;  // of kLinear, kTight, kFull
  constexpr MemoryLadder(Thresholds enter, Thresholds leave) : enter_(enter), leave_(leave) {}

  MemoryLevel follow(double value) noexcept {
    while (step_ < enter_.size() && value >= enter_[step_]) ++step_;
    while (step_ > 0 && value < leave_[step_ - 1]) --step_;
    return static_cast<MemoryLevel>(step_);
  }

 private:
  Thresholds enter_;
  Thresholds leave_;
  std::size_t step_ = 0;
};

}  // namespace freightliner::runtime
