#include "cli/run_monitor.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/stats_text.h"
#include "freightliner/runtime/temporary_file.h"

namespace freightliner::cli {
namespace {

// A file that is synced to the disk: more often than it is scraped would be for nothing.
constexpr Duration kMetricsInterval{10'000};

double epoch_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

RunMonitor::RunMonitor(RunFrame& frame, const MonitorRequest& request, std::string_view command)
    : frame_(frame),
      request_(request),
      command_(command),
      started_(std::chrono::system_clock::now()),
      next_report_(request.report_interval) {
  sampler_.emplace(monitor_, services().progress,
                   runtime::PerformanceSampler::Options{
                       .rules = request.alerts,
                       .on_look = [this](const runtime::PerformanceSampler::Look& seen) { look(seen); },
                       .on_alert =
                           [this](const runtime::Alert& alert) {
                             ++alerts_;
                             write_warning(frame_.voice().terminal, frame_.voice().log_format, alert.message);
                           }});
}

void RunMonitor::look(const runtime::PerformanceSampler::Look& look) {
  const auto elapsed = Duration(static_cast<Duration::rep>(look.sample.seconds * 1000));
  if (request_.report_interval > Duration(0) && elapsed >= next_report_) {
    next_report_ += request_.report_interval;
    write_progress(frame_.voice().terminal, frame_.voice().log_format, report_line(look));
  }
  if (request_.metrics_file.empty() || elapsed < next_metrics_) return;
  next_metrics_ = elapsed + kMetricsInterval;
  const Status written = write_metrics(look.snapshot, {.seconds = look.sample.seconds,
                                                       .bytes_moved = look.sample.bytes_moved,
                                                       .retries = look.retries,
                                                       .alerts = alerts_});
  if (written || metrics_failed_) return;
  metrics_failed_ = true;
  frame_.log().warn("{}", written.error().describe());
}

Status RunMonitor::write_metrics(const runtime::PerformanceSnapshot& snapshot, runtime::RunFacts facts) {
  const std::string name = request_.metrics_file.stem().string();
  facts.run = name;
  facts.version = version();
  facts.command = command_;
  facts.started = epoch_seconds(started_);
  Status saved = runtime::save_file(
      frame_.cleanups(), request_.metrics_file,
      [&](const runtime::TextSink& sink) -> Status { return sink(runtime::metrics_text(snapshot, facts)); });
  if (!saved) return fail(std::move(saved).error().with_context("--metrics-file"));
  return {};
}

const runtime::PerformanceRecord& RunMonitor::finish() {
  record_ = sampler_->finish();
  // Of the whole run: what it was made of has been taken down by now.
  record_.end.cleanups = frame_.cleanups().statistics();
  return record_;
}

int RunMonitor::judge(int code) const noexcept {
  return code == kExitDone && request_.alert_fail && !record_.alerts.empty() ? static_cast<int>(kExitAlert) : code;
}

int RunMonitor::conclude(int code) {
  const Voice& voice = frame_.voice();
  if (request_.stats) write_statistics(voice.terminal, voice.log_format, record_);
  if (request_.metrics_file.empty()) return code;
  const runtime::PerformanceSample& last = record_.series.rows().back();
  const Status written = write_metrics(record_.end, {.seconds = last.seconds,
                                                     .bytes_moved = last.bytes_moved,
                                                     .retries = record_.retries,
                                                     .alerts = record_.alerts.size(),
                                                     .exit_code = code});
  if (written) return code;
  write_failure(voice.terminal, voice.log_format, written.error().describe());
  return code == kExitDone ? exit_code(written.error().code()) : code;
}

}  // namespace freightliner::cli
