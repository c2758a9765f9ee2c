#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace freightliner::bench {

using Seconds = std::chrono::duration<double>;

/// CPU time (user and system) of the calling thread so far.
inline Seconds thread_cpu_time() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// CPU time of one call, the best of a few rounds of `calls` each: so that other load does not count.
template <class Function>
Seconds best_cpu_time(int rounds, std::int64_t calls, Function&& function) {
  Seconds best(1e18);
  for (int round = 0; round < rounds; ++round) {
    const Seconds start = thread_cpu_time();
    for (std::int64_t i = 0; i < calls; ++i) function();
    best = std::min(best, (thread_cpu_time() - start) / static_cast<double>(calls));
  }
  return best;
}

/// The same in nanoseconds.
template <class Function>
double best_nanoseconds(int rounds, std::int64_t calls, Function&& function) {
  return best_cpu_time(rounds, calls, function).count() * 1e9;
}

}  // namespace freightliner::bench
