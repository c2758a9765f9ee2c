#include "runtime/cgroup.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "freightliner/base/bytes.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = 4 * kMiB;  // a mountinfo of many containers

bool names_controller(std::string_view list, std::string_view controller) {
  const auto names = split(list, ',');
  return std::ranges::find(names, controller) != names.end();
}

struct Mount {
  std::string root;   // which part of the hierarchy is to be seen
  std::string point;  // where
};

// proc_pid_mountinfo(5): "36 35 98:0 /root /point options [optional fields] - type source super-options".
std::optional<Mount> find_mount(std::string_view mountinfo, std::string_view type, std::string_view controller) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3 || after[0] != type) continue;
    if (!controller.empty() && !names_controller(after[2], controller)) continue;
    return Mount{std::string(before[3]), std::string(before[4])};
  }
  return std::nullopt;
}

// proc_pid_cgroup: "4:memory:/path" for a controller of version 1, "0::/path" for version 2.
std::optional<std::string> find_membership(std::string_view cgroups, std::string_view controller) {
  for (const std::string_view line : split(cgroups, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool matches = controller.empty() ? controllers.empty() : names_controller(controllers, controller);
    if (matches) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// In a container the mount may show only the part of the hierarchy below its own group, while /proc names the whole
// path; or /proc names a path outside what is to be seen ("/../x"). Then the mount point itself is the nearest group.
std::vector<fs::path> walk_up(const fs::path& root, const Mount& mount, const std::string& membership) {
  fs::path below = fs::path(membership).lexically_relative(mount.root);
  if (below.empty() || *below.begin() == "..") below = ".";
  const fs::path top = root / fs::path(mount.point).relative_path();
  std::vector<fs::path> directories;
  for (; below != "." && !below.empty(); below = below.parent_path()) directories.push_back(top / below);
  directories.push_back(top);
  return directories;
}

}  // namespace

std::optional<std::string> read_kernel_file(const fs::path& path) {
  auto text = io::read_small_file(path, kMaxFile);
  if (!text) return std::nullopt;
  return *std::move(text);
}

std::optional<double> some_pressure(std::string_view text, std::string_view field) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (!line.starts_with("some ")) return std::nullopt;
  const std::string name = fmt::format(" {}=", field);
  const auto at = line.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + name.size());
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

CgroupDirectories find_cgroups(const fs::path& root) {
  CgroupDirectories result;
  const auto cgroups = read_kernel_file(root / "proc/self/cgroup");
  const auto mountinfo = read_kernel_file(root / "proc/self/mountinfo");
  if (!cgroups || !mountinfo) return result;
  const auto look_up = [&](std::string_view type, std::string_view controller) -> std::vector<fs::path> {
    const auto mount = find_mount(*mountinfo, type, controller);
    const auto membership = find_membership(*cgroups, controller);
    if (!mount || !membership) return {};
    return walk_up(root, *mount, *membership);
  };
  result.unified = look_up("cgroup2", "");
  result.v1_memory = look_up("cgroup", "memory");
  return result;
}

}  // namespace freightliner::runtime
