// Client CPU (user + system) and peak memory per GiB relayed over loopback, against the floor: a raw recv + SHA-256 +
// send loop. Servers are processes of their own. Every variant runs in a process of its own, `--rounds` times in turn;
// the median counts. Exit 1 where the ratio of the product with its default sizes is above --max-ratio.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>

#include "figures.h"
#include "freightliner/base/bytes.h"
#include "process_cost.h"
#include "relay/blob_server.h"
#include "relay/variants.h"

namespace freightliner::bench {
namespace {

enum class Role { kFloor, kProduct, kOther };

struct Variant {
  std::string name;
  Role role;
  std::function<void(const RelayJob&)> run;
  std::vector<Cost> costs = {};
};

Cost measure(const Variant& variant, const RelayJob& job, int jobs) {
  return cost_of(variant.name, [&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < jobs; ++i) threads.emplace_back([&] { variant.run(job); });
    for (std::thread& thread : threads) thread.join();
  });
}

// The sizes that the product takes where the user gives none: cli/defaults.h.
constexpr std::pair<std::size_t, std::size_t> kDefaultQueue{64, 10};

std::vector<Variant> make_variants() {
  std::vector<Variant> variants;
  for (const std::size_t kib : {64, 256, 1024}) {
    variants.push_back(
        {fmt::format("raw loop, {} KiB", kib), Role::kFloor, [=](const RelayJob& job) { relay_raw(job, kib * 1024); }});
  }
  for (const std::pair<std::size_t, std::size_t>& queue :
       {std::pair<std::size_t, std::size_t>{64, 4}, {64, 6}, {64, 8}, kDefaultQueue, {64, 16}, {256, 4}}) {
    variants.push_back({fmt::format("freightliner, {} KiB x {}", queue.first, queue.second),
                        queue == kDefaultQueue ? Role::kProduct : Role::kOther, [=](const RelayJob& job) {
                          io::BufferPool pool;
                          RelayWorker(pool, queue.first * 1024, queue.second).relay(job);
                        }});
  }
  return variants;
}

struct Plan {
  double gib = 2;
  int jobs = 4;
  int rounds = 5;
  double max_ratio = 1.15;
  std::string only;
  std::string scheme;
};

void run(bool tls, const Plan& plan, Figures& figures) {
  const std::string scheme = tls ? "https" : "http";
  if (!plan.scheme.empty() && plan.scheme != scheme) return;
  const auto blob_bytes = static_cast<std::uint64_t>(plan.gib * static_cast<double>(kGiB) / plan.jobs);
  const BlobServer server(blob_bytes, tls);
  const RelayJob job{server.port(), tls, blob_bytes, digest_of_blob(blob_bytes)};
  std::vector<Variant> variants = make_variants();
  std::erase_if(variants, [&](const Variant& variant) { return variant.name.find(plan.only) == std::string::npos; });
  for (int round = 0; round < plan.rounds; ++round) {
    for (Variant& variant : variants) variant.costs.push_back(measure(variant, job, plan.jobs));
  }
  double floor = 0;
  for (const Variant& variant : variants) {
    const double cpu = median(variant.costs).cpu_seconds;
    if (variant.role == Role::kFloor && (floor == 0 || cpu < floor)) floor = cpu;
  }
  fmt::print("{}, {} GiB, {} jobs, median of {}\n", scheme, plan.gib, plan.jobs, plan.rounds);
  fmt::print("{:<26} {:>12} {:>10} {:>9} {:>14}\n", "", "CPU s/GiB", "wall s", "RSS MiB", "ratio to floor");
  Cost product;
  for (const Variant& variant : variants) {
    const Cost cost = median(variant.costs);
    if (variant.role == Role::kProduct) product = cost;
    fmt::print("{:<26} {:>12.2f} {:>10.2f} {:>9.1f} {:>14.2f}\n", variant.name, cost.cpu_seconds / plan.gib,
               cost.wall_seconds, cost.rss_mib, floor > 0 ? cost.cpu_seconds / floor : 0);
  }
  if (floor == 0 || product.cpu_seconds == 0) return;  // --only left one of them out
  figures.note(scheme + ": CPU per GiB, default sizes", product.cpu_seconds / plan.gib, "s");
  figures.note(scheme + ": peak memory, default sizes", product.rss_mib, "MiB");
  figures.at_most(scheme + ": CPU, default sizes / the best raw loop", product.cpu_seconds / floor, "x",
                  plan.max_ratio);
}

}  // namespace
}  // namespace freightliner::bench

int main(int argc, char** argv) {
  freightliner::bench::Figures figures("relay_bench", argc, argv);
  CLI::App app("Relay cost against a raw recv + SHA-256 + send loop");
  freightliner::bench::Plan plan;
  app.add_option("--gib", plan.gib, "GiB moved per round by each variant");
  app.add_option("--jobs", plan.jobs, "transfers at the same time");
  app.add_option("--rounds", plan.rounds, "rounds; the median counts");
  app.add_option("--max-ratio", plan.max_ratio, "exit 1 above this ratio of CPU to the floor");
  app.add_option("--only", plan.only, "variants whose name has this text, to look at one with perf or strace");
  app.add_option("--scheme", plan.scheme, "http or https; both where it is not given")
      ->check(CLI::IsMember({"http", "https"}));
  CLI11_PARSE(app, argc, argv);
  freightliner::bench::run(false, plan, figures);
  freightliner::bench::run(true, plan, figures);
  return figures.finish();
}
