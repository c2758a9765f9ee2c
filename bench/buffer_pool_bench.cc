// The buffer pool against plain allocation. After the usual table of Google Benchmark it measures the pool's figures as
// ratios in one run, prints each with its target, and ends with 1 where one is missed.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "allocation_count.h"
#include "cpu_time.h"
#include "figures.h"
#include "freightliner/io/buffer_pool.h"
#include "freightliner/io/chunk_queue.h"

namespace {

using freightliner::kKiB;
using freightliner::kMiB;
using freightliner::bench::best_nanoseconds;
using freightliner::bench::Seconds;
using freightliner::io::BufferPool;
using freightliner::io::ChunkQueue;
using freightliner::io::PooledBuffer;

constexpr std::size_t kCompared = 1 * kMiB;
constexpr int kManyThreads = 16;
constexpr int kRounds = 5;

void touch(std::byte* data, std::size_t size) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (std::size_t offset = 0; offset < size; offset += page) data[offset] = std::byte{1};
  benchmark::ClobberMemory();
}

void cycle(BufferPool& pool, std::size_t size) {
  PooledBuffer buffer = pool.acquire(size);
  benchmark::DoNotOptimize(buffer.data());
}

void malloc_and_touch(std::size_t size) {
  auto* data = static_cast<std::byte*>(std::malloc(size));
  touch(data, size);
  benchmark::DoNotOptimize(data);
  std::free(data);
}

// Above this size malloc maps fresh pages every time. It is the documented default; glibc raises it once such a block
// is freed, and from then on nothing would be touched for the first time.
void fix_mmap_threshold() {
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

void pool_cycle(benchmark::State& state) {
  static BufferPool pool;
  const auto size = static_cast<std::size_t>(state.range(0));
  cycle(pool, size);
  const std::uint64_t before = allocation_count();
  for (auto _ : state) cycle(pool, size);
  if (state.threads() == 1) {
    state.counters["allocations/op"] =
        static_cast<double>(allocation_count() - before) / static_cast<double>(state.iterations());
  }
}
BENCHMARK(pool_cycle)->Arg(1 * kKiB)->Arg(64 * kKiB)->Arg(1 * kMiB)->Arg(16 * kMiB);
BENCHMARK(pool_cycle)->Arg(64 * kKiB)->Threads(2)->Threads(kManyThreads)->UseRealTime();

// 64 buffers of 64 KiB are more than a thread's own cache holds: the rest takes the way over the shared lists.
void pool_batch(benchmark::State& state) {
  BufferPool pool;
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<PooledBuffer> buffers(count);
  for (auto _ : state) {
    for (PooledBuffer& buffer : buffers) buffer = pool.acquire(64 * kKiB);
    for (PooledBuffer& buffer : buffers) buffer.reset();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(count) * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(pool_batch)->Arg(8)->Arg(64);

void pool_cycle_and_touch(benchmark::State& state) {
  BufferPool pool;
  for (auto _ : state) {
    PooledBuffer buffer = pool.acquire(static_cast<std::size_t>(state.range(0)));
    touch(buffer.data(), buffer.capacity());
  }
}
BENCHMARK(pool_cycle_and_touch)->Arg(kCompared);

void pooling_off_and_touch(benchmark::State& state) {
  BufferPool pool({.max_retained_bytes = 0, .pooling = false});
  for (auto _ : state) {
    PooledBuffer buffer = pool.acquire(static_cast<std::size_t>(state.range(0)));
    touch(buffer.data(), buffer.capacity());
  }
}
BENCHMARK(pooling_off_and_touch)->Arg(kCompared);

void malloc_first_touch(benchmark::State& state) {
  for (auto _ : state) malloc_and_touch(static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(malloc_first_touch)->Arg(kCompared);

/// Cycles per second of `threads` threads together, by the wall clock: waiting for each other has to count. Needs a
/// machine that is otherwise idle.
double rate(BufferPool& pool, int threads) {
  constexpr auto kTime = std::chrono::milliseconds(300);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<bool> go{false};
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> total{0};
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        cycle(pool, 64 * kKiB);
        go.wait(false);
        std::uint64_t done = 0;
        for (; !stop.load(std::memory_order_relaxed); ++done) cycle(pool, 64 * kKiB);
        total += done;
      });
    }
    const auto start = std::chrono::steady_clock::now();
    go = true;
    go.notify_all();
    std::this_thread::sleep_for(kTime);
    stop = true;
    workers.clear();
    const Seconds elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(total.load()) / elapsed.count());
  }
  return best;
}

std::uint64_t allocations_in_steady_state() {
  constexpr int kCycles = 100'000;
  BufferPool pool({.max_retained_bytes = 128 * kMiB});  // room for one buffer of each tier
  const auto all_tiers = [&] {
    for (const std::size_t tier : freightliner::io::kBufferTiers) cycle(pool, tier);
  };
  all_tiers();
  const std::uint64_t before = allocation_count();
  for (int i = 0; i < kCycles; ++i) all_tiers();
  return allocation_count() - before;
}

/// Buffers allocated while workers move 1,000 blobs, each with a queue of its own.
std::uint64_t buffers_allocated(int workers, std::size_t chunks) {
  constexpr int kBlobs = 1000;
  BufferPool pool;
  {
    std::vector<std::jthread> threads;
    for (int worker = 0; worker < workers; ++worker) {
      threads.emplace_back([&pool, workers, chunks] {
        for (int blob = 0; blob < kBlobs / workers; ++blob) {
          ChunkQueue queue(pool, 256 * kKiB, chunks);
          std::this_thread::sleep_for(std::chrono::microseconds(100));  // so that all workers have one at a time
        }
      });
    }
  }
  std::uint64_t misses = 0;
  for (const auto& tier : pool.statistics().tiers) misses += tier.misses;
  return misses;
}

void take_figures(freightliner::bench::Figures& figures) {
  constexpr int kWorkers = 8;
  constexpr std::size_t kChunks = 6;
  BufferPool pool;
  const double pooled = best_nanoseconds(kRounds, 2'000'000, [&] { cycle(pool, 64 * kKiB); });
  const double pooled_large = best_nanoseconds(kRounds, 2'000'000, [&] { cycle(pool, kCompared); });
  const double fresh = best_nanoseconds(kRounds, 2'000, [] { malloc_and_touch(kCompared); });
  const double together = rate(pool, kManyThreads) / rate(pool, 1);
  const double cores = std::max(1U, std::thread::hardware_concurrency());
  const auto steady = static_cast<double>(allocations_in_steady_state());
  const auto blobs = static_cast<double>(buffers_allocated(kWorkers, kChunks));

  figures.at_most("acquire + release of 64 KiB, one thread", pooled, "ns", 50);
  figures.at_most("allocations in 900,000 acquires over all tiers", steady, "count", 0);
  figures.at_least("malloc + first touch / acquire + release, at 1 MiB", fresh / pooled_large, "x", 10);
  figures.at_least(fmt::format("16 threads together / one thread ({} cores)", cores), together, "x", 0.5 * cores);
  figures.at_most("buffers allocated for 1,000 blobs, 8 workers, 6 chunks each", blobs, "count", kWorkers * kChunks);
}

}  // namespace

int main(int argc, char** argv) {
  fix_mmap_threshold();
  freightliner::bench::Figures figures("buffer_pool_bench", argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  take_figures(figures);
  return figures.finish();
}
