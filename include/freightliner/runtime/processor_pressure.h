#pragma once

#include <filesystem>
#include <optional>

#include "freightliner/base/clock.h"

namespace freightliner::runtime {

/// Whether threads have to wait for a processor of this machine, by the kernel's pressure stall information ("PSI",
/// proc/pressure/cpu: the time in which some task waited). One thread at a time.
class ProcessorPressure {
 public:
  /// `root` as in find_memory_budget(). The clock outlives it.
  explicit ProcessorPressure(const Clock& clock, const std::filesystem::path& root = "/");
  /// True where something had to wait for a quarter of the time since the last look, which is 50 ms ago or more: what
  /// is shorter is chance. In between what that look has shown. False where the kernel doesn't tell.
  bool is_high();

 private:
  std::optional<double> waited() const;  // microseconds since the system's start

  const Clock& clock_;
  std::filesystem::path file_;
  std::optional<double> waited_before_;
  TimePoint looked_;
  bool is_high_ = false;
};

}  // namespace freightliner::runtime
