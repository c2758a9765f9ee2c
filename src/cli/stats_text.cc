#include "cli/stats_text.h"

#include <fmt/format.h>

#include "freightliner/base/bytes.h"
#include "freightliner/replicate/performance_json.h"

namespace freightliner::cli {
namespace {

using runtime::PerformanceRecord;
using runtime::PerformanceSnapshot;

// Three digits are what a latency is worth.
std::string time_text(std::chrono::nanoseconds time) {
  const double milliseconds = std::chrono::duration<double, std::milli>(time).count();
  if (milliseconds < 1) return fmt::format("{:.0f} us", milliseconds * 1000);
  if (milliseconds < 1000) return fmt::format("{:.{}f} ms", milliseconds, milliseconds < 10 ? 2 : 1);
  return fmt::format("{:.2f} s", milliseconds / 1000);
}

Duration as_duration(double seconds) {
  return Duration(static_cast<Duration::rep>(seconds * 1000));
}

void add_operations(std::vector<std::string>& lines, const PerformanceSnapshot& snapshot) {
  constexpr auto* kRow = "{:<14}  {:>7}  {:>6}  {:>10}  {:>8}  {:>9}  {:>9}  {:>9}  {:>9}";
  lines.push_back(
      fmt::format(fmt::runtime(kRow), "OPERATION", "COUNT", "ERRORS", "BYTES", "ITEMS", "P50", "P90", "P99", "MAX"));
  for (const runtime::OperationStatistics& operation : snapshot.operations) {
    const runtime::LatencySnapshot& latency = operation.latency;
    if (latency.count() == 0) continue;
    lines.push_back(fmt::format(fmt::runtime(kRow), to_string(operation.operation), latency.count(), operation.errors,
                                format_bytes(operation.bytes), operation.items, time_text(latency.quantile(0.5)),
                                time_text(latency.quantile(0.9)), time_text(latency.quantile(0.99)),
                                time_text(latency.max())));
  }
}

std::string waits_text(const PerformanceSnapshot& snapshot) {
  const auto one = [](std::string_view what, std::uint64_t count, Duration time) {
    return fmt::format("{} × for {} ({})", count, what, format_duration(time));
  };
  const runtime::WaitStatistics limits = snapshot.rate_limit();
  return fmt::format("{}, {}, {}", one("rate limits", limits.count, limits.time),
                     one("bandwidth", snapshot.bandwidth.count, snapshot.bandwidth.time),
                     one("memory", snapshot.memory.waits, snapshot.memory.waited));
}

std::string pool_text(const io::BufferPool::Statistics& pool) {
  std::uint64_t acquired = pool.oversize;
  std::uint64_t hits = 0;
  for (const auto& tier : pool.tiers) {
    acquired += tier.acquired;
    hits += tier.hits;
  }
  return fmt::format("{} buffers ({}), {} of them reused, at most {} at a time", acquired,
                     format_bytes(pool.bytes_acquired), hits, format_bytes(pool.high_water_bytes));
}

void add_components(std::vector<std::string>& lines, const PerformanceSnapshot& snapshot) {
  const auto add = [&](std::string_view name, std::string text) {
    lines.push_back(fmt::format("{:<14}  {}", name, text));
  };
  const runtime::SystemUsage& system = snapshot.system;
  const runtime::MemoryGovernor::Statistics& memory = snapshot.memory;
  add("connections", fmt::format("{} opened for {} requests", snapshot.connections_opened, snapshot.requests));
  add("waits", waits_text(snapshot));
  add("buffer pool", pool_text(snapshot.buffer_pool));
  add("memory", fmt::format("{} of {} ({}) reserved at most, {} transitions, {} transfers shrunk",
                            format_bytes(memory.reserved_high_water_bytes), format_bytes(memory.budget.bytes),
                            to_string(memory.budget.source), memory.transition_count, memory.shrunk));
  add("clean-ups", fmt::format("{} registered, {} finished, {} undone, {} failed", snapshot.cleanups.registered,
                               snapshot.cleanups.finished, snapshot.cleanups.cleaned, snapshot.cleanups.failed));
  add("process",
      fmt::format("{} resident at most, {} heap, {} threads, {} descriptors", format_bytes(system.peak_rss_bytes),
                  format_bytes(system.heap_bytes), system.threads, system.open_descriptors));
  add("processor",
      fmt::format("{} user, {} system, {} + {} context switches", format_duration(as_duration(system.cpu_user_seconds)),
                  format_duration(as_duration(system.cpu_system_seconds)), system.voluntary_context_switches,
                  system.involuntary_context_switches));
}

}  // namespace

std::string report_line(const runtime::PerformanceSampler::Look& look) {
  const runtime::OperationStatistics& blobs = look.snapshot.of(runtime::Operation::kBlobCopy);
  std::uint64_t errors = 0;
  for (const runtime::OperationStatistics& operation : look.snapshot.operations) errors += operation.errors;
  const double rate = look.sample.seconds > 0 ? static_cast<double>(look.sample.bytes_moved) / look.sample.seconds : 0;
  return fmt::format(
      "after {}: {} moved, {}/s; {} blobs, half of them within {}, 99 % within {}, {} under way; "
      "{} errors, {} retries; {} of memory, {} of processor time",
      format_duration(as_duration(look.sample.seconds)), format_bytes(look.sample.bytes_moved),
      format_bytes(static_cast<std::uint64_t>(rate)), blobs.items, time_text(blobs.latency.quantile(0.5)),
      time_text(blobs.latency.quantile(0.99)), look.sample.blobs_in_flight, errors, look.retries,
      format_bytes(look.sample.rss_bytes), format_duration(as_duration(look.sample.cpu_seconds)));
}

std::vector<std::string> statistics_lines(const PerformanceRecord& record) {
  std::vector<std::string> lines;
  add_operations(lines, record.end);
  add_components(lines, record.end);
  return lines;
}

void write_statistics(Terminal& terminal, LogFormat format, const PerformanceRecord& record) {
  if (format == LogFormat::kJson) return write_event(terminal, "statistics", replicate::performance_json(record));
  for (const std::string& line : statistics_lines(record)) terminal.error_line(line);
}

}  // namespace freightliner::cli
