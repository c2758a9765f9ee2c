#include "freightliner/runtime/memory_budget.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "runtime/cgroup.h"

namespace freightliner::runtime {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;  // "max"
  return number;
}

std::optional<std::uint64_t> smallest_limit(const std::vector<fs::path>& directories,
                                            std::initializer_list<std::string_view> files) {
  std::optional<std::uint64_t> smallest;
  for (const fs::path& directory : directories) {
    for (const std::string_view file : files) {
      const auto text = read_kernel_file(directory / file);
      const auto limit = text ? leading_number(*text) : std::nullopt;
      if (limit && (!smallest || *limit < *smallest)) smallest = limit;
    }
  }
  return smallest;
}

std::uint64_t physical_memory(const fs::path& root) {
  constexpr std::string_view kTotal = "MemTotal:";
  if (const auto text = read_kernel_file(root / "proc/meminfo")) {
    if (const auto at = text->find(kTotal); at != std::string::npos) {
      std::string_view rest = std::string_view(*text).substr(at + kTotal.size());
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      if (const auto kibibytes = leading_number(rest)) return *kibibytes * kKiB;
    }
  }
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string_view to_string(BudgetSource source) noexcept {
  switch (source) {
    case BudgetSource::kOption:
      return "--max-memory";
    case BudgetSource::kCgroupV2:
      return "cgroup v2 limit";
    case BudgetSource::kCgroupV1:
      return "cgroup v1 limit";
    case BudgetSource::kPhysicalMemory:
      break;
  }
  return "physical memory";
}

MemoryBudget find_memory_budget(std::optional<std::uint64_t> option, const fs::path& root) {
  if (option) return {*option, BudgetSource::kOption};
  MemoryBudget budget{physical_memory(root) / 2, BudgetSource::kPhysicalMemory};
  const auto consider = [&](const std::optional<std::uint64_t>& limit, BudgetSource source) {
    if (limit && *limit / 4 * 3 < budget.bytes) budget = {*limit / 4 * 3, source};
  };
  const CgroupDirectories cgroups = find_cgroups(root);
  consider(smallest_limit(cgroups.unified, {"memory.max", "memory.high"}), BudgetSource::kCgroupV2);
  consider(smallest_limit(cgroups.v1_memory, {"memory.limit_in_bytes"}), BudgetSource::kCgroupV1);
  return budget;
}

}  // namespace freightliner::runtime
