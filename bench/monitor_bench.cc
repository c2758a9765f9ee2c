// What measuring costs. After the usual table of Google Benchmark it prints the figures with their bounds, and ends
// with 1 where one is missed. bench/monitor_cost sets them against a real copy.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string_view>
#include <thread>
#include <vector>

#include "allocation_count.h"
#include "cpu_time.h"
#include "figures.h"
#include "freightliner/runtime/performance_monitor.h"

namespace {

using freightliner::bench::best_nanoseconds;
using freightliner::runtime::Operation;
using freightliner::runtime::OperationTimer;
using freightliner::runtime::PerformanceMonitor;

constexpr int kRounds = 5;
constexpr int kManyThreads = 16;

// Latencies as they come: over several powers of two, and now and then a new maximum.
void record(PerformanceMonitor& monitor, std::uint64_t& state) {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  monitor.record(Operation::kBlobCopy, std::chrono::nanoseconds(state >> 36), {.bytes = 1000, .items = 1});
}

void monitor_record(benchmark::State& state) {
  static PerformanceMonitor monitor;
  std::uint64_t random = static_cast<std::uint64_t>(state.thread_index());
  for (auto _ : state) record(monitor, random);
}
BENCHMARK(monitor_record);
BENCHMARK(monitor_record)->Threads(2)->Threads(kManyThreads)->UseRealTime();

void operation_timer(benchmark::State& state) {
  PerformanceMonitor monitor;
  for (auto _ : state) {
    OperationTimer timer(monitor, Operation::kHead);
    timer.finish({.items = 1});
  }
}
BENCHMARK(operation_timer);

void monitor_snapshot(benchmark::State& state) {
  PerformanceMonitor monitor;
  std::uint64_t random = 1;
  for (int i = 0; i < 1000; ++i) record(monitor, random);
  for (auto _ : state) benchmark::DoNotOptimize(monitor.snapshot());
}
BENCHMARK(monitor_snapshot);

/// The same while many threads record the same operation, which none does in a run: there they wait for the network.
double contended_nanoseconds(PerformanceMonitor& monitor) {
  constexpr int kCalls = 200'000;
  std::vector<double> times(kManyThreads);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kManyThreads; ++thread) {
      threads.emplace_back([&monitor, &times, thread] {
        std::uint64_t random = static_cast<std::uint64_t>(thread);
        times[static_cast<std::size_t>(thread)] = best_nanoseconds(kRounds, kCalls, [&] { record(monitor, random); });
      });
    }
  }
  return *std::ranges::max_element(times);
}

void take_figures(freightliner::bench::Figures& figures) {
  constexpr double kMostPerRecord = 50;
  constexpr double kMostPerLook = 10e6;  // 1 % of a processor, once a second
  PerformanceMonitor monitor;
  std::uint64_t random = 1;
  const double one = best_nanoseconds(kRounds, 2'000'000, [&] { record(monitor, random); });
  const std::uint64_t before = allocation_count();
  for (int i = 0; i < 1'000'000; ++i) record(monitor, random);
  const auto allocations = static_cast<double>(allocation_count() - before);
  const double timed = best_nanoseconds(kRounds, 1'000'000, [&] {
    OperationTimer timer(monitor, Operation::kHead);
    timer.finish({.items = 1});
  });
  const double look = best_nanoseconds(kRounds, 500, [&] { benchmark::DoNotOptimize(monitor.snapshot()); });
  const double contended = contended_nanoseconds(monitor);

  figures.at_most("recording an operation, one thread", one, "ns", kMostPerRecord);
  figures.at_most("allocations in 1,000,000 records", allocations, "count", 0);
  figures.at_most("one look at everything, once a second", look, "ns", kMostPerLook);
  figures.note("for comparison: with a timer, which reads the clock twice", timed, "ns");
  figures.note("for comparison: the slowest of 16 threads on one operation", contended, "ns");
}

}  // namespace

int main(int argc, char** argv) {
  freightliner::bench::Figures figures("monitor_bench", argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  take_figures(figures);
  return figures.finish();
}
