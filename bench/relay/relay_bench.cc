// Client CPU (user + system) and peak memory per GiB relayed over loopback, against the floor: a raw recv + SHA-256 +
// send loop. Servers are processes of their own. Every variant runs in a process of its own, `--rounds` times in turn;
// the median counts. Exit 1 where the product's best ratio is above --max-ratio.

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "freightliner/base/bytes.h"
#include "relay/blob_server.h"
#include "relay/variants.h"

namespace freightliner::bench {
namespace {

struct Cost {
  double cpu_seconds = 0;
  double wall_seconds = 0;
  double rss_mib = 0;
};

struct Variant {
  std::string name;
  bool floor = false;  // belongs to the raw loop
  std::function<void(const RelayJob&)> run;
  std::vector<Cost> costs = {};
};

Cost measure(const Variant& variant, const RelayJob& job, int jobs) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    try {
      std::vector<std::thread> threads;
      for (int i = 0; i < jobs; ++i) threads.emplace_back([&] { variant.run(job); });
      for (std::thread& thread : threads) thread.join();
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}: {}\n", variant.name, error.what());
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  rusage usage = {};
  wait4(child, &status, 0, &usage);
  if (status != 0) throw std::runtime_error(variant.name + " failed");
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime),
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

Cost median(std::vector<Cost> costs) {
  std::ranges::sort(costs, {}, &Cost::cpu_seconds);
  return costs[costs.size() / 2];
}

std::vector<Variant> make_variants() {
  std::vector<Variant> variants;
  for (const std::size_t kib : {64, 256, 1024}) {
    variants.push_back(
        {fmt::format("raw loop, {} KiB", kib), true, [=](const RelayJob& job) { relay_raw(job, kib * 1024); }});
  }
  for (const std::size_t kib : {64, 128, 256, 512}) {
    variants.push_back({fmt::format("freightliner, {} KiB x 4", kib), false,
                        [=](const RelayJob& job) { relay_freightliner(job, kib * 1024, 4); }});
  }
  return variants;
}

bool run(bool tls, double gib, int jobs, int rounds, double max_ratio) {
  const auto blob_bytes = static_cast<std::uint64_t>(gib * static_cast<double>(kGiB) / jobs);
  const BlobServer server(blob_bytes, tls);
  const RelayJob job{server.port(), tls, blob_bytes, digest_of_blob(blob_bytes)};
  std::vector<Variant> variants = make_variants();
  for (int round = 0; round < rounds; ++round) {
    for (Variant& variant : variants) variant.costs.push_back(measure(variant, job, jobs));
  }
  double floor = 1e9;
  for (const Variant& variant : variants) {
    if (variant.floor) floor = std::min(floor, median(variant.costs).cpu_seconds);
  }
  double best = 1e9;
  fmt::print("{}, {} GiB, {} jobs, median of {}\n", tls ? "https" : "http", gib, jobs, rounds);
  fmt::print("{:<26} {:>12} {:>10} {:>9} {:>14}\n", "", "CPU s/GiB", "wall s", "RSS MiB", "ratio to floor");
  for (const Variant& variant : variants) {
    const Cost cost = median(variant.costs);
    const double ratio = cost.cpu_seconds / floor;
    if (!variant.floor) best = std::min(best, ratio);
    fmt::print("{:<26} {:>12.2f} {:>10.2f} {:>9.1f} {:>14.2f}\n", variant.name, cost.cpu_seconds / gib,
               cost.wall_seconds, cost.rss_mib, ratio);
  }
  fmt::print("best ratio {:.2f} (bound {:.2f})\n\n", best, max_ratio);
  return best <= max_ratio;
}

}  // namespace
}  // namespace freightliner::bench

int main(int argc, char** argv) {
  CLI::App app("Relay cost against a raw recv + SHA-256 + send loop");
  double gib = 2;
  int jobs = 4;
  int rounds = 5;
  double max_ratio = 1.5;
  app.add_option("--gib", gib, "GiB moved per round by each variant");
  app.add_option("--jobs", jobs, "transfers at the same time");
  app.add_option("--rounds", rounds, "rounds; the median counts");
  app.add_option("--max-ratio", max_ratio, "exit 1 above this ratio of CPU to the floor");
  CLI11_PARSE(app, argc, argv);
  const bool http = freightliner::bench::run(false, gib, jobs, rounds, max_ratio);
  const bool https = freightliner::bench::run(true, gib, jobs, rounds, max_ratio);
  return http && https ? 0 : 1;
}
