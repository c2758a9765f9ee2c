#include "runtime/memory_probe.h"

#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "runtime/cgroup.h"

namespace freightliner::runtime {
namespace {

namespace fs = std::filesystem;

// "size resident shared text lib data dt", in pages.
std::uint64_t resident_pages(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(text.data() + space + 1, text.data() + text.size(), pages);
  return pages;
}

fs::path pressure_file(const fs::path& root) {
  for (const fs::path& directory : find_cgroups(root).unified) {
    const auto text = read_kernel_file(directory / "memory.pressure");
    if (text && some_pressure(*text, "avg10")) return directory / "memory.pressure";
  }
  return root / "proc/pressure/memory";
}

}  // namespace

MemoryProbe::MemoryProbe(const fs::path& root)
    : statm_(root / "proc/self/statm"),
      pressure_(pressure_file(root)),
      page_size_(static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))) {}

MemorySample MemoryProbe::take() const {
  MemorySample sample;
  if (const auto text = read_kernel_file(statm_)) sample.resident = resident_pages(*text) * page_size_;
  if (const auto text = read_kernel_file(pressure_)) sample.stalled = some_pressure(*text, "avg10");
  return sample;
}

}  // namespace freightliner::runtime
