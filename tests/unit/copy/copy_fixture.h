#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "copy/memory_image.h"
#include "freightliner/copy/copier.h"
#include "support/manual_clock.h"

namespace freightliner::copy {

/// What copies need, between two repositories in memory. Nothing waits in real time.
class CopyFixture : public ::testing::Test {
 protected:
  static constexpr std::size_t kWorkers = 3;

  CopyServices services() { return services_with(memory_); }
  CopyServices services_with(runtime::MemoryGovernor& memory) {
    return {.workers = workers_,
            .sessions = sessions_,
            .helpers = kWorkers,
            .slots = slots_,
            .ledger = ledger_,
            .recompressions = recompressions_,
            .lists = lists_,
            .bandwidth = bandwidth_,
            .buffers = buffers_,
            .memory = memory,
            .clock = clock_,
            .progress = progress_,
            .monitor = monitor_,
            .retry = {},
            .log = {},
            .chunk_size = 64 * kKiB,
            .chunks_per_queue = 4};
  }

  http::SharedCaches caches_;
  WorkerSessions sessions_{
      kWorkers, [this] { return std::make_unique<http::Session>(http::SessionOptions{}, caches_, Logger()); }};
  http::Session session_{http::SessionOptions{}, caches_, Logger()};
  BlobLedger ledger_;
  RecompressionLedger recompressions_;
  ReferrerLists lists_;
  TransferSlots slots_{4};
  io::BufferPool buffers_;
  test::ManualClock clock_;
  runtime::MemoryGovernor memory_{
      buffers_, clock_, {.budget = {4 * kGiB, runtime::BudgetSource::kOption}, .interval = {}}};
  BandwidthLimiter bandwidth_{clock_, std::nullopt, {}};
  runtime::Progress progress_;
  runtime::PerformanceMonitor monitor_;
  std::stop_source stop_;
  test::MemoryRepository from_;
  test::MemoryRepository to_;
  // Last: its threads use all that.
  runtime::WorkerPool workers_{kWorkers};
};

}  // namespace freightliner::copy
