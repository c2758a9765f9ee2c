#include "freightliner/runtime/system_usage.h"

#include <malloc.h>
#include <sys/resource.h>

#include <charconv>
#include <string_view>

#include "freightliner/base/bytes.h"
#include "freightliner/io/file.h"
#include "runtime/cgroup.h"

namespace freightliner::runtime {
namespace {

// "VmRSS:\t    1234 kB": the number behind a field's name.
std::uint64_t field(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  if (at == std::string_view::npos) return 0;
  const auto digits = status.find_first_of("0123456789", at + name.size());
  std::uint64_t number = 0;
  if (digits != std::string_view::npos) std::from_chars(status.data() + digits, status.data() + status.size(), number);
  return number;
}

double seconds(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::uint64_t count_descriptors() {
  const auto names = io::list_directory("/proc/self/fd");
  // One of them is that of the listing.
  return names && !names->empty() ? names->size() - 1 : 0;
}

}  // namespace

SystemUsage read_system_usage() {
  SystemUsage usage;
  if (const auto status = read_kernel_file("/proc/self/status")) {
    usage.rss_bytes = field(*status, "\nVmRSS:") * kKiB;
    usage.peak_rss_bytes = field(*status, "\nVmHWM:") * kKiB;
    usage.threads = field(*status, "\nThreads:");
  }
  const struct mallinfo2 heap = mallinfo2();
  usage.heap_bytes = heap.uordblks + heap.hblkhd;
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    usage.cpu_user_seconds = seconds(used.ru_utime);
    usage.cpu_system_seconds = seconds(used.ru_stime);
    usage.voluntary_context_switches = static_cast<std::uint64_t>(used.ru_nvcsw);
    usage.involuntary_context_switches = static_cast<std::uint64_t>(used.ru_nivcsw);
  }
  usage.open_descriptors = count_descriptors();
  return usage;
}

}  // namespace freightliner::runtime
