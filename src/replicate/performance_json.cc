#include "freightliner/replicate/performance_json.h"

#include <cmath>

#include "freightliner/base/date.h"
#include "freightliner/base/text.h"
#include "replicate/json_text.h"

namespace freightliner::replicate {
namespace {

using runtime::PerformanceRecord;
using runtime::PerformanceSnapshot;

// Microseconds are all that anybody reads.
double rounded(double value) noexcept {
  return std::round(value * 1000.0) / 1000.0;
}
double milliseconds(std::chrono::nanoseconds time) noexcept {
  return rounded(std::chrono::duration<double, std::milli>(time).count());
}
double seconds(Duration time) noexcept {
  return static_cast<double>(time.count()) / 1000.0;
}

OrderedJson operations_json(const PerformanceSnapshot& snapshot) {
  OrderedJson operations = OrderedJson::array();
  for (const runtime::OperationStatistics& operation : snapshot.operations) {
    const runtime::LatencySnapshot& latency = operation.latency;
    if (latency.count() == 0) continue;
    operations.push_back({
        {"operation", to_string(operation.operation)},
        {"count", latency.count()},
        {"errors", operation.errors},
        {"bytes", operation.bytes},
        {"items", operation.items},
        {"seconds_total", std::chrono::duration<double>(latency.total()).count()},
        {"p50_ms", milliseconds(latency.quantile(0.5))},
        {"p90_ms", milliseconds(latency.quantile(0.9))},
        {"p99_ms", milliseconds(latency.quantile(0.99))},
        {"max_ms", milliseconds(latency.max())},
    });
  }
  return operations;
}

OrderedJson system_json(const runtime::SystemUsage& system) {
  return {
      {"rss_bytes", system.rss_bytes},
      {"peak_rss_bytes", system.peak_rss_bytes},
      {"heap_bytes", system.heap_bytes},
      {"cpu_user_seconds", system.cpu_user_seconds},
      {"cpu_system_seconds", system.cpu_system_seconds},
      {"threads", system.threads},
      {"open_descriptors", system.open_descriptors},
      {"voluntary_context_switches", system.voluntary_context_switches},
      {"involuntary_context_switches", system.involuntary_context_switches},
  };
}

OrderedJson wait_json(const runtime::WaitStatistics& waits) {
  return {{"count", waits.count}, {"seconds", seconds(waits.time)}};
}

OrderedJson waits_json(const PerformanceSnapshot& snapshot) {
  return {
      {"rate_limit", wait_json(snapshot.rate_limit())},
      {"bandwidth", wait_json(snapshot.bandwidth)},
      {"memory", wait_json({snapshot.memory.waits, snapshot.memory.waited})},
  };
}

OrderedJson hosts_json(const PerformanceSnapshot& snapshot) {
  OrderedJson hosts = OrderedJson::array();
  for (const runtime::HostStatistics& host : snapshot.hosts) {
    hosts.push_back({{"host", printable(host.host)},
                     {"requests", host.requests},
                     {"throttled", host.throttled},
                     {"waits", wait_json(host.waits)}});
  }
  return hosts;
}

OrderedJson buffer_pool_json(const io::BufferPool::Statistics& pool) {
  std::uint64_t acquired = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  OrderedJson tiers = OrderedJson::array();
  for (std::size_t i = 0; i < pool.tiers.size(); ++i) {
    const io::BufferPool::TierStatistics& tier = pool.tiers[i];
    acquired += tier.acquired;
    hits += tier.hits;
    misses += tier.misses;
    tiers.push_back({{"size_bytes", io::kBufferTiers[i]},
                     {"acquired", tier.acquired},
                     {"hits", tier.hits},
                     {"misses", tier.misses}});
  }
  return {
      {"acquired", acquired + pool.oversize},
      {"hits", hits},
      {"misses", misses},
      {"oversize", pool.oversize},
      {"bytes_acquired", pool.bytes_acquired},
      {"bytes_in_use", pool.bytes_in_use},
      {"bytes_retained", pool.bytes_retained},
      {"high_water_bytes", pool.high_water_bytes},
      {"tiers", std::move(tiers)},
  };
}

OrderedJson memory_json(const runtime::MemoryGovernor::Statistics& memory) {
  OrderedJson transitions = OrderedJson::array();
  for (const auto& transition : memory.transitions) {
    transitions.push_back({{"time", date_text(transition.time)},
                           {"from", to_string(transition.from)},
                           {"to", to_string(transition.to)},
                           {"resident_bytes", transition.resident_bytes}});
  }
  return {
      {"budget_bytes", memory.budget.bytes},
      {"budget_source", to_string(memory.budget.source)},
      {"level", to_string(memory.level)},
      {"reserved_high_water_bytes", memory.reserved_high_water_bytes},
      {"resident_high_water_bytes", memory.resident_high_water_bytes},
      {"waits", memory.waits},
      {"shrunk", memory.shrunk},
      {"trims", memory.trims},
      {"transitions", std::move(transitions)},
  };
}

OrderedJson alerts_json(const std::vector<runtime::Alert>& alerts) {
  OrderedJson all = OrderedJson::array();
  for (const runtime::Alert& alert : alerts) {
    all.push_back({{"alert", printable(alert.alert)},
                   {"value", rounded(alert.value)},
                   {"message", printable(alert.message)},
                   {"seconds", alert.seconds}});
  }
  return all;
}

}  // namespace

OrderedJson performance_json(const PerformanceRecord& record) {
  const PerformanceSnapshot& end = record.end;
  return {
      {"operations", operations_json(end)},
      {"system", system_json(end.system)},
      {"connections", {{"opened", end.connections_opened}, {"requests", end.requests}}},
      {"waits", waits_json(end)},
      {"hosts", hosts_json(end)},
      {"buffer_pool", buffer_pool_json(end.buffer_pool)},
      {"memory", memory_json(end.memory)},
      {"cleanups",
       {{"registered", end.cleanups.registered},
        {"finished", end.cleanups.finished},
        {"cleaned", end.cleanups.cleaned},
        {"failed", end.cleanups.failed}}},
      {"alerts", alerts_json(record.alerts)},
  };
}

OrderedJson samples_json(const runtime::SampleSeries& series) {
  OrderedJson rows = OrderedJson::array();
  for (const runtime::PerformanceSample& row : series.rows()) {
    rows.push_back({rounded(row.seconds), row.bytes_moved, row.rss_bytes, rounded(row.cpu_seconds), row.blobs_in_flight,
                    rounded(row.blob_p99_ms)});
  }
  return {
      {"interval_ms", series.interval().count()},
      {"columns", {"seconds", "bytes_moved", "rss_bytes", "cpu_seconds", "blobs_in_flight", "blob_p99_ms"}},
      {"rows", std::move(rows)},
  };
}

}  // namespace freightliner::replicate
