#pragma once

#include <cstdint>

namespace freightliner::runtime {

/// What this process has and has used, by the kernel's and the allocator's account. 0 for what can't be read.
struct SystemUsage {
  std::uint64_t rss_bytes = 0;       ///< resident now (proc(5), VmRSS)
  std::uint64_t peak_rss_bytes = 0;  ///< the most that was resident (VmHWM)
  std::uint64_t heap_bytes = 0;      ///< allocated by malloc and not freed (mallinfo2(3))
  double cpu_user_seconds = 0;       ///< getrusage(2), as the next four
  double cpu_system_seconds = 0;
  std::uint64_t voluntary_context_switches = 0;
  std::uint64_t involuntary_context_switches = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_descriptors = 0;  ///< without the one that counts them

  double cpu_seconds() const noexcept { return cpu_user_seconds + cpu_system_seconds; }
};

/// Reads all of it: a few system calls. Safe from any thread.
SystemUsage read_system_usage();

}  // namespace freightliner::runtime
