#pragma once

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace freightliner::bench {

/// What a process has taken.
struct Cost {
  double cpu_seconds = 0;  ///< user and system
  double wall_seconds = 0;
  double rss_mib = 0;  ///< the peak of resident memory
};

/// What `work` takes in a process of its own. Throws where it fails there; `name` is what messages call it.
inline Cost cost_of(const std::string& name, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: {}\n", name, error.what());
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  rusage usage = {};
  wait4(child, &status, 0, &usage);
  if (status != 0) throw std::runtime_error(name + " failed");
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime),
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

/// The one in the middle, by CPU time.
inline Cost median(std::vector<Cost> costs) {
  std::ranges::sort(costs, {}, &Cost::cpu_seconds);
  return costs[costs.size() / 2];
}

}  // namespace freightliner::bench
