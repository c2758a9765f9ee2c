#include "freightliner/runtime/metrics_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace freightliner::runtime {
namespace {

// The bounds of a histogram's buckets are powers of two of nanoseconds, from a quarter of a millisecond to nearly five
// minutes: there the counts are exact.
constexpr int kFirstBound = 18;
constexpr int kLastBound = 38;

double seconds(Duration time) noexcept {
  return static_cast<double>(time.count()) / 1000.0;
}
double seconds(std::chrono::nanoseconds time) noexcept {
  return std::chrono::duration<double>(time).count();
}

std::string label(std::string_view name, std::string_view value) {
  return fmt::format("{}=\"{}\"", name, escape_label(value));
}

/// Writes families of metrics one after the other; each sample bears the name of the run.
class Exposition {
 public:
  explicit Exposition(std::string_view run) : run_(label("run", run)) {}

  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = fmt::format("freightliner_{}", name);
    text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name_, help, type);
  }
  template <class Number>
  void sample(std::string_view labels, Number value, std::string_view suffix = {}) {
    text_ += fmt::format("{}{}{{{}{}{}}} {}\n", name_, suffix, run_, labels.empty() ? "" : ",", labels, value);
  }
  template <class Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    family(name, type, help);
    sample({}, value);
  }
  std::string take() { return std::move(text_); }

 private:
  const std::string run_;
  std::string text_;
  std::string name_;
};

void write_run(Exposition& out, const RunFacts& facts) {
  out.family("run_info", "gauge", "What runs; always 1.");
  out.sample(label("version", facts.version) + "," + label("command", facts.command), 1);
  out.single("run_start_time_seconds", "gauge", "When the run began, in seconds since the epoch.", facts.started);
  out.single("run_duration_seconds", "gauge", "How long the run has taken so far.", facts.seconds);
  out.single("run_finished", "gauge", "1 where the run has ended.", facts.exit_code ? 1 : 0);
  if (facts.exit_code) out.single("run_exit_code", "gauge", "What the run exited with.", *facts.exit_code);
  out.single("alerts_total", "counter", "Alert thresholds that were crossed.", facts.alerts);
  out.single("blob_received_bytes_total", "counter", "Bytes of blobs received from sources, retries included.",
             facts.bytes_moved);
  out.single("retries_total", "counter", "Requests that were sent again.", facts.retries);
}

void write_latency(Exposition& out, const OperationStatistics& operation) {
  const std::string name = label("operation", to_string(operation.operation));
  const LatencySnapshot& latency = operation.latency;
  for (int exponent = kFirstBound; exponent <= kLastBound; ++exponent) {
    out.sample(fmt::format("{},le=\"{}\"", name, std::ldexp(1e-9, exponent)),
               latency.count_below_power_of_two(exponent), "_bucket");
  }
  out.sample(name + ",le=\"+Inf\"", latency.count(), "_bucket");
  out.sample(name, seconds(latency.total()), "_sum");
  out.sample(name, latency.count(), "_count");
}

void write_operations(Exposition& out, const PerformanceSnapshot& snapshot) {
  out.family("operation_duration_seconds", "histogram", "How long operations took.");
  for (const OperationStatistics& operation : snapshot.operations) write_latency(out, operation);
  struct Column {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    std::uint64_t OperationStatistics::*value;
  };
  static constexpr std::array<Column, 4> kColumns = {{
      {"operation_errors_total", "counter", "Operations that failed.", &OperationStatistics::errors},
      {"operation_bytes_total", "counter", "Bytes that operations sent and received.", &OperationStatistics::bytes},
      {"operation_items_total", "counter", "What operations brought: names of lists, blobs, answers.",
       &OperationStatistics::items},
      {"operations_in_flight", "gauge", "Operations that are under way.", &OperationStatistics::in_flight},
  }};
  for (const Column& column : kColumns) {
    out.family(column.name, column.type, column.help);
    for (const OperationStatistics& operation : snapshot.operations) {
      out.sample(label("operation", to_string(operation.operation)), operation.*column.value);
    }
  }
}

void write_connections(Exposition& out, const PerformanceSnapshot& snapshot) {
  out.single("http_connections_opened_total", "counter", "Connections that were opened.", snapshot.connections_opened);
  out.single("http_requests_total", "counter", "Requests that were sent on those connections.", snapshot.requests);
  struct Reason {
    std::string_view name;
    WaitStatistics waits;
  };
  const std::array<Reason, 3> reasons = {{{"rate_limit", snapshot.rate_limit()},
                                          {"bandwidth", snapshot.bandwidth},
                                          {"memory", {snapshot.memory.waits, snapshot.memory.waited}}}};
  out.family("waits_total", "counter", "How often something waited for a limit.");
  for (const Reason& reason : reasons) out.sample(label("reason", reason.name), reason.waits.count);
  out.family("wait_seconds_total", "counter", "How long it waited in all.");
  for (const Reason& reason : reasons) out.sample(label("reason", reason.name), seconds(reason.waits.time));
  if (snapshot.hosts.empty()) return;
  out.family("host_requests_total", "counter", "Requests to a registry, but for the bodies of uploads.");
  for (const HostStatistics& host : snapshot.hosts) out.sample(label("host", host.host), host.requests);
  out.family("host_throttled_total", "counter", "Answers of a registry with status 429 or 503.");
  for (const HostStatistics& host : snapshot.hosts) out.sample(label("host", host.host), host.throttled);
  out.family("host_wait_seconds_total", "counter", "How long requests to a registry waited for its limits.");
  for (const HostStatistics& host : snapshot.hosts) out.sample(label("host", host.host), seconds(host.waits.time));
}

void write_buffer_pool(Exposition& out, const io::BufferPool::Statistics& pool) {
  out.family("buffer_pool_acquisitions_total", "counter", "Buffers handed out, by size and by where they came from.");
  for (std::size_t tier = 0; tier < pool.tiers.size(); ++tier) {
    const std::string size = label("size", fmt::format("{}", io::kBufferTiers[tier]));
    out.sample(size + ",result=\"hit\"", pool.tiers[tier].hits);
    out.sample(size + ",result=\"miss\"", pool.tiers[tier].misses);
  }
  out.sample(label("size", "oversize") + ",result=\"miss\"", pool.oversize);
  out.single("buffer_pool_acquired_bytes_total", "counter", "Capacity of all buffers handed out.", pool.bytes_acquired);
  out.single("buffer_pool_in_use_bytes", "gauge", "Capacity of the buffers that are in use.", pool.bytes_in_use);
  out.single("buffer_pool_retained_bytes", "gauge", "Capacity that is kept for reuse.", pool.bytes_retained);
  out.single("buffer_pool_high_water_bytes", "gauge", "The most that was in use at one time.", pool.high_water_bytes);
}

void write_memory(Exposition& out, const MemoryGovernor::Statistics& memory) {
  out.single("memory_budget_bytes", "gauge", "What the process may have.", memory.budget.bytes);
  out.single("memory_reserved_bytes", "gauge", "What transfers have reserved.", memory.reserved_bytes);
  out.single("memory_level", "gauge", "How short memory is: 0 relaxed, 1 linear, 2 tight, 3 full.",
             static_cast<int>(memory.level));
  out.single("memory_transitions_total", "counter", "Changes of that level.", memory.transition_count);
  out.single("memory_trims_total", "counter", "How often kept buffers were freed because memory was short.",
             memory.trims);
  out.single("memory_shrunk_total", "counter", "Transfers that got fewer buffers than they wanted.", memory.shrunk);
}

void write_cleanups(Exposition& out, const CleanupRegistry::Statistics& cleanups) {
  out.family("cleanups_total", "counter", "What was registered for clean-up, by what became of it.");
  out.sample(label("outcome", "finished"), cleanups.finished);
  out.sample(label("outcome", "cleaned"), cleanups.cleaned);
  out.sample(label("outcome", "failed"), cleanups.failed);
  out.single("cleanups_active", "gauge", "What is registered for clean-up now.", cleanups.active);
}

void write_system(Exposition& out, const SystemUsage& system) {
  out.single("resident_memory_bytes", "gauge", "Resident size of the process.", system.rss_bytes);
  out.single("peak_resident_memory_bytes", "gauge", "The largest resident size so far.", system.peak_rss_bytes);
  out.single("heap_bytes", "gauge", "Allocated by malloc and not freed.", system.heap_bytes);
  out.family("cpu_seconds_total", "counter", "Processor time that the process used.");
  out.sample(label("mode", "user"), system.cpu_user_seconds);
  out.sample(label("mode", "system"), system.cpu_system_seconds);
  out.single("threads", "gauge", "Threads of the process.", system.threads);
  out.single("open_descriptors", "gauge", "Open file descriptors.", system.open_descriptors);
  out.family("context_switches_total", "counter", "Context switches of the process.");
  out.sample(label("kind", "voluntary"), system.voluntary_context_switches);
  out.sample(label("kind", "involuntary"), system.involuntary_context_switches);
}

}  // namespace

std::string escape_label(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string metrics_text(const PerformanceSnapshot& snapshot, const RunFacts& facts) {
  Exposition out(facts.run);
  write_run(out, facts);
  write_operations(out, snapshot);
  write_connections(out, snapshot);
  write_buffer_pool(out, snapshot.buffer_pool);
  write_memory(out, snapshot.memory);
  write_cleanups(out, snapshot.cleanups);
  write_system(out, snapshot.system);
  return out.take();
}

}  // namespace freightliner::runtime
