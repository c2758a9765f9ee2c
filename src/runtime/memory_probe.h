#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace freightliner::runtime {

struct MemorySample {
  std::uint64_t resident = 0;  ///< bytes of this process that are in memory
  /// Share of the last ten seconds in which something had to wait for memory, in percent; nullopt where the kernel
  /// doesn't tell.
  std::optional<double> stalled = std::nullopt;
};

/// Reads how much memory the process has and how short memory is: proc_pid_statm(5), and the kernel's pressure stall
/// information ("PSI", memory.pressure of the own control group, else of the whole system). Two small reads.
class MemoryProbe {
 public:
  /// `root` as in find_memory_budget().
  explicit MemoryProbe(const std::filesystem::path& root);
  /// 0 and nullopt for what can't be read.
  MemorySample take() const;

 private:
  std::filesystem::path statm_;
  std::filesystem::path pressure_;
  std::uint64_t page_size_;
};

}  // namespace freightliner::runtime
