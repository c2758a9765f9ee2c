#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freightliner::runtime {

/// The directories of this process's control groups, its own first, then those above it as far as they are visible here
/// (cgroups(7)). Empty where there are none.
struct CgroupDirectories {
  std::vector<std::filesystem::path> unified;    ///< version 2
  std::vector<std::filesystem::path> v1_memory;  ///< the memory controller of version 1
};

/// Reads proc/self/cgroup and proc/self/mountinfo below `root` ("/" but in tests, whose tree stands for the system's:
/// mount points are looked up below it, too).
CgroupDirectories find_cgroups(const std::filesystem::path& root);

/// A small file of the kernel's; nullopt where it can't be read.
std::optional<std::string> read_kernel_file(const std::filesystem::path& path);

/// From the kernel's pressure stall information, "some avg10=0.22 avg60=… avg300=… total=16234661528": of the time in
/// which some task waited, `field`, an average in percent or the total in microseconds. nullopt where it isn't there.
std::optional<double> some_pressure(std::string_view text, std::string_view field);

}  // namespace freightliner::runtime
