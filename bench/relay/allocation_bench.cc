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
#include "figures.h"
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

void take_many(Figures& figures, std::string_view scheme, bool tls) {
  constexpr std::uint64_t kBlobBytes = kMiB;
  const BlobServer server(kBlobBytes, tls);
  const RelayJob job = job_for(server, tls, kBlobBytes);
  const Traffic on = relay_many(job, true);
  const Traffic off = relay_many(job, false);
  const auto note_per_gib = [&](std::string_view what, std::uint64_t count, const Traffic& traffic) {
    const double gib = static_cast<double>(traffic.bytes_moved) / static_cast<double>(kGiB);
    figures.note(fmt::format("{}: {} per GiB", scheme, what), static_cast<double>(count) / gib, "count");
  };
  note_per_gib("allocations, pool on", on.allocations, on);
  note_per_gib("allocations, pool off", off.allocations, off);
  note_per_gib("allocations of buffers, pool on", on.buffers_allocated, on);
  note_per_gib("allocations of buffers, pool off", off.buffers_allocated, off);
  figures.at_most(fmt::format("{}: buffers allocated for 1,000 blobs, 4 workers, 10 chunks each", scheme),
                  static_cast<double>(on.buffers_allocated), "count", kWorkers * kChunks);
  figures.at_least(fmt::format("{}: bytes of chunks handed out / bytes moved", scheme),
                   static_cast<double>(on.chunk_bytes) / static_cast<double>(on.bytes_moved), "x", 1);
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
void take_growth(Figures& figures, std::string_view scheme, bool tls) {
  constexpr double kSpare = 64;  // answers come in other pieces each time
  const auto small = static_cast<double>(allocations_of_one(64 * kMiB, tls));
  figures.note(fmt::format("{}: allocations for one blob of 64 MiB", scheme), small, "count");
  figures.at_most(fmt::format("{}: allocations for one blob of 1 GiB", scheme),
                  static_cast<double>(allocations_of_one(kGiB, tls)), "count", small + kSpare);
}

}  // namespace
}  // namespace freightliner::bench

int main(int argc, char** argv) {
  using namespace freightliner::bench;
  Figures figures("allocation_bench", argc, argv);
  for (const bool tls : {false, true}) {
    const std::string_view scheme = tls ? "https" : "http";
    take_growth(figures, scheme, tls);
    take_many(figures, scheme, tls);
  }
  return figures.finish();
}
