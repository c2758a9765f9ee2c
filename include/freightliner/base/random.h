#pragma once

#include <random>

namespace freightliner {

/// Uniform in [0, 1): the jitter of back-offs. The device is opened where it is needed, which is rare, so that no state
/// is shared between threads.
inline double random_unit() {
  std::random_device device;
  return std::uniform_real_distribution<double>(0.0, 1.0)(device);
}

}  // namespace freightliner
