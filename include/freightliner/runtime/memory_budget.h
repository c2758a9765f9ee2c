#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "freightliner/base/bytes.h"

namespace freightliner::runtime {

/// What a run needs beside its transfers: the program and its libraries, the first connections, the plan. Measured with
/// `bench/memory`: 15 to 18 MiB. Trees of very many tags need more (docs/MEMORY.md).
inline constexpr std::uint64_t kBaseMemory = 24 * kMiB;
/// What a transfer needs beside its queue: two connections with libcurl's and OpenSSL's buffers, a thread's stack and
/// heap. Measured: 165 to 390 KiB with buffers up to 64 KiB, up to 900 KiB with larger ones, while libcurl receives
/// into buffers of its own.
inline constexpr std::uint64_t kTransferOverhead = 512 * kKiB;
/// The least that `--max-memory` may be: the base and the smallest transfer.
inline constexpr std::uint64_t kSmallestBudget = 25 * kMiB;

enum class BudgetSource {
  kOption,          ///< the user has said it
  kCgroupV2,        ///< three quarters of the smallest memory.max or memory.high on the way up
  kCgroupV1,        ///< three quarters of the smallest memory.limit_in_bytes on the way up
  kPhysicalMemory,  ///< half of the machine's memory
};
/// "--max-memory", "cgroup v2 limit", …
std::string_view to_string(BudgetSource source) noexcept;

/// The resident memory that the process should stay below, in bytes.
struct MemoryBudget {
  std::uint64_t bytes = 0;
  BudgetSource source = BudgetSource::kPhysicalMemory;
};

/// `option` where it is given, else the smallest of what the system tells, read below `root` (see cgroups(7), "Control
/// Group v2" and "Memory Resource Controller" in the kernel's documentation). What can't be read is no limit. The rest
/// of a limit is left for socket buffers, page tables and the group's other processes.
MemoryBudget find_memory_budget(std::optional<std::uint64_t> option, const std::filesystem::path& root = "/");

}  // namespace freightliner::runtime
