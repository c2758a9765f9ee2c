// What the program allocates while it relays blobs, with the buffer pool and without: the product's own path, counted
// by replacing operator new. libcurl and OpenSSL are C and not counted. Prints each figure with its target and ends
// with 1 where one is missed. Counts, not times: other load does not change them.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "allocation_count.h"
#include "freightliner/base/bytes.h"
#include "relay/blob_server.h"
#include "relay/variants.h"

namespace freightliner::bench {
namespace {

constexpr std::size_t kChunkSize = 64 * kKiB;  // the product's defaults: cli/defaults.h
constexpr std::size_t kChunks = 10;
constexpr std::size_t kWorkers = 4;
constexpr std::size_t kBlobs = 1000;

RelayJob job_for(const BlobServer& server, bool tls, std::uint64_t blob_bytes) {
  return {server.port(), tls, blob_bytes, digest_of_blob(blob_bytes)};
}

bool report(std::string_view name, std::uint64_t value, std::string_view target, bool met) {
  fmt::print("{:<72} {:>12}   {:<14} {}\n", name, value, target, met ? "ok" : "MISSED");
  return met;
}

struct Traffic {
  std::uint64_t allocations = 0;        ///< all calls of operator new
  std::uint64_t buffers_allocated = 0;  ///< of them those for the pool's buffers
  std::uint64_t bytes_moved = 0;
  std::uint64_t chunk_bytes = 0;
};

/// Relays 1,000 blobs with four workers that share one pool, each with a session of its own.
Traffic relay_many(const RelayJob& job, bool pooling) {
  io::BufferPool pool({.pooling = pooling});
  Traffic traffic;
  std::vector<std::uint64_t> moved(kWorkers);
  const std::uint64_t before = allocation_count();
  {
    std::vector<std::jthread> threads;
    for (std::size_t worker = 0; worker < kWorkers; ++worker) {
      threads.emplace_back([&, worker] {
        RelayWorker relay(pool, kChunkSize, kChunks);
        for (std::size_t blob = 0; blob < kBlobs / kWorkers; ++blob) moved[worker] += relay.relay(job);
      });
    }
  }
  traffic.allocations = allocation_count() - before;
  const auto statistics = pool.statistics();
  for (const auto& tier : statistics.tiers) traffic.buffers_allocated += tier.misses;
  for (const std::uint64_t bytes : moved) traffic.bytes_moved += bytes;
  traffic.chunk_bytes = statistics.chunk_bytes;
  return traffic;
}

bool print_many(bool tls) {
  constexpr std::uint64_t kBlobBytes = kMiB;
  const BlobServer server(kBlobBytes, tls);
  const RelayJob job = job_for(server, tls, kBlobBytes);
  const Traffic on = relay_many(job, true);
  const Traffic off = relay_many(job, false);
  const auto per_gib = [](std::uint64_t count, const Traffic& traffic) { return count * kGiB / traffic.bytes_moved; };
  bool met = report("allocations per GiB, pool on", per_gib(on.allocations, on), "", true);
  met &= report("allocations per GiB, pool off", per_gib(off.allocations, off), "", true);
  met &= report("  of them buffers, pool on", per_gib(on.buffers_allocated, on), "", true);
  met &= report("  of them buffers, pool off", per_gib(off.buffers_allocated, off), "", true);
  met &= report("buffers allocated for 1,000 blobs, 4 workers, 10 chunks each", on.buffers_allocated,
                fmt::format("<= {}", kWorkers * kChunks), on.buffers_allocated <= kWorkers * kChunks);
  met &= report("bytes of chunks handed out, pool on", on.chunk_bytes, fmt::format(">= {}", on.bytes_moved),
                on.chunk_bytes >= on.bytes_moved);
  return met;
}

std::uint64_t allocations_of_one(std::uint64_t blob_bytes, bool tls) {
  const BlobServer server(blob_bytes, tls);
  const RelayJob job = job_for(server, tls, blob_bytes);
  io::BufferPool pool;
  const std::uint64_t before = allocation_count();
  RelayWorker(pool, kChunkSize, kChunks).relay(job);
  return allocation_count() - before;
}

/// One blob sixteen times as large: every allocation per chunk would show 15,360 times.
bool print_growth(bool tls) {
  constexpr std::uint64_t kSpare = 64;  // answers come in other pieces each time
  const std::uint64_t small = allocations_of_one(64 * kMiB, tls);
  const std::uint64_t large = allocations_of_one(kGiB, tls);
  report("allocations for one blob of 64 MiB", small, "", true);
  return report("allocations for one blob of 1 GiB", large, fmt::format("<= {}", small + kSpare),
                large <= small + kSpare);
}

bool run(bool tls) {
  fmt::print("{}\n", tls ? "https" : "http");
  const bool growth = print_growth(tls);
  const bool many = print_many(tls);
  return growth && many;
}

}  // namespace
}  // namespace freightliner::bench

int main() {
  const bool http = freightliner::bench::run(false);
  const bool https = freightliner::bench::run(true);
  return http && https ? 0 : 1;
}
