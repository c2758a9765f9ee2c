#include "freightliner/runtime/performance_sampler.h"

#include <new>
#include <utility>

namespace freightliner::runtime {

void SampleSeries::offer(const PerformanceSample& sample) {
  if (to_pass_ > 0) {
    --to_pass_;
    return;
  }
  if (rows_.size() >= most_) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows_.size(); i += 2) rows_[kept++] = rows_[i];
    rows_.resize(kept);
    stride_ *= 2;
    interval_ *= 2;
  }
  rows_.push_back(sample);
  to_pass_ = stride_ - 1;
}

// By the system's clock, as the operations are.
PerformanceSampler::PerformanceSampler(const PerformanceMonitor& monitor, const Progress& progress, Options options)
    : monitor_(monitor),
      progress_(progress),
      options_(std::move(options)),
      start_(std::chrono::steady_clock::now()),
      moved_before_(progress.bytes_moved.load(std::memory_order_relaxed)),
      retried_before_(progress.retries.load(std::memory_order_relaxed)),
      series_(options_.interval, options_.most_rows),
      told_(options_.rules.size(), false),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

PerformanceSampler::~PerformanceSampler() = default;

void PerformanceSampler::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  do {
    try {
      look(false);
    } catch (const std::bad_alloc&) {  // one look less is no reason to end what it looks at
    }
  } while (!wake_.wait_for(lock, stop, options_.interval, [&] { return stop.stop_requested(); }));
}

PerformanceSnapshot PerformanceSampler::look(bool at_end) {
  PerformanceSnapshot snapshot = monitor_.snapshot();
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  const PerformanceSample sample{
      .seconds = std::chrono::duration<double>(elapsed).count(),
      .bytes_moved = progress_.bytes_moved.load(std::memory_order_relaxed) - moved_before_,
      .rss_bytes = snapshot.system.rss_bytes,
      .cpu_seconds = snapshot.system.cpu_seconds(),
      .blobs_in_flight = snapshot.blobs_in_flight(),
      .blob_p99_ms =
          std::chrono::duration<double, std::milli>(snapshot.of(Operation::kBlobCopy).latency.quantile(0.99)).count()};
  at_end ? series_.close(sample) : series_.offer(sample);
  judge(
      snapshot,
      {.bytes_moved = sample.bytes_moved, .elapsed = std::chrono::duration_cast<Duration>(elapsed), .at_end = at_end});
  if (options_.on_look && !at_end) options_.on_look({snapshot, sample, retries()});
  return snapshot;
}

std::uint64_t PerformanceSampler::retries() const noexcept {
  return progress_.retries.load(std::memory_order_relaxed) - retried_before_;
}

void PerformanceSampler::judge(const PerformanceSnapshot& snapshot, const AlertRule::Moment& moment) {
  for (std::size_t i = 0; i < options_.rules.size(); ++i) {
    if (told_[i]) continue;
    auto alert = options_.rules[i].judge(snapshot, moment);
    if (!alert) continue;
    told_[i] = true;
    if (options_.on_alert) options_.on_alert(*alert);
    alerts_.push_back(*std::move(alert));
  }
}

PerformanceRecord PerformanceSampler::finish() {
  thread_.request_stop();
  thread_.join();
  PerformanceSnapshot end = look(true);
  return {.end = std::move(end), .series = std::move(series_), .alerts = std::move(alerts_), .retries = retries()};
}

}  // namespace freightliner::runtime
