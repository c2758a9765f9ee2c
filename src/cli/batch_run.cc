#include "cli/batch_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <utility>

#include "cli/batch_line.h"
#include "cli/copy_report_file.h"
#include "cli/image_pair.h"
#include "cli/run_credentials.h"
#include "cli/run_files.h"
#include "cli/run_monitor.h"
#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"
#include "freightliner/io/file.h"

namespace freightliner::cli {
namespace {

using copy::CopyReport;

struct BatchCounts {
  std::uint64_t copied = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t skipped = 0;
  std::uint64_t planned = 0;
  std::uint64_t failed = 0;

  void add(const Result<CopyReport>& outcome) {
    if (!outcome) return static_cast<void>(++failed);
    switch (outcome->status) {
      case CopyReport::Status::kCopied:
        return static_cast<void>(++copied);
      case CopyReport::Status::kUnchanged:
        return static_cast<void>(++unchanged);
      case CopyReport::Status::kSkipped:
        return static_cast<void>(++skipped);
      case CopyReport::Status::kPlanned:
        return static_cast<void>(++planned);
    }
  }
  std::string text() const {
    std::string text = fmt::format("{} copied, {} unchanged", copied, unchanged);
    if (planned > 0) text += fmt::format(", {} planned", planned);
    if (skipped > 0) text += fmt::format(", {} skipped", skipped);
    return text + fmt::format(", {} failed", failed);
  }
};

// Two names of one file or directory must not become two stores, nor may one that comes to be meanwhile.
copy::DestinationStore store_of(const transport::ImageName& name) {
  switch (name.kind) {
    case transport::TransportKind::kDocker:
      return {.name = "docker://" + name.reference->registry};
    case transport::TransportKind::kOci:
      return {.name = "oci:" + io::resolve(name.path).string(), .is_local = true};
    case transport::TransportKind::kOciArchive:
      break;
  }
  return {.name = "oci-archive:" + io::resolve(name.path).string(), .one_at_a_time = true, .is_local = true};
}

/// One batch from its first line to its last result. The main thread reads; results come from the workers.
class BatchRun {
 public:
  BatchRun(RunFrame& frame, const RunServices& services, const BatchRequest& request, const Settings& settings)
      : frame_(frame),
        settings_(settings),
        voice_(frame.voice()),
        services_(services),
        wants_report_(!request.monitor.report.empty()),
        // Any registry may be on both sides.
        engine_(request, services_, many_images_workforce(request, true), frame.stop()),
        copier_(
            engine_.copy_services(), {}, [this](copy::StreamResult&& result) { take(std::move(result)); },
            frame.stop()) {}

  /// Until the last result. Errors: those of reading the lines.
  Status run(LineReader& lines) {
    const std::stop_callback relay_stop(frame_.stop(), [this] { reading_.request_stop(); });
    Status read = read_all(lines);
    copier_.drain();
    return read;
  }
  /// True where the input was read to its end.
  bool is_complete() const noexcept { return complete_; }
  BatchCounts counts() const {
    return counts_.with([](const BatchCounts& counts) { return counts; });
  }
  /// Empty where none is wanted.
  replicate::TreeReport take_report() {
    return report_.with([](BatchReport& report) { return report.take(); });
  }

 private:
  Status read_all(LineReader& lines) {
    // Lines that were read along with the last one that counted wait in the reader: those count no more.
    while (!reading_.stop_requested()) {
      FL_TRY(const auto line, lines.next(reading_.get_token()));
      if (!line) break;
      if (!line->is_too_long && trim(line->text).empty()) continue;
      begin(read_batch_line(*line, settings_));
    }
    complete_ = !reading_.stop_requested();
    return {};
  }

  void begin(BatchLine line) {
    if (!line.order) return tell(line, fail(line.order.error()), Duration(0));
    const std::uint64_t number = line.number;
    copy::StreamRequest request{
        .id = number,
        .open = [this, order = *line.order] { return open_image_pair(order, engine_, services_); },
        .store = store_of(line.order->destination),
        .options = line.order->options,
        .timeout = line.timeout};
    under_way_.with([&](auto& lines) { lines.emplace(number, std::move(line)); });
    Status accepted = copier_.accept(std::move(request));
    if (!accepted) tell(taken(number), fail(std::move(accepted).error()), Duration(0));
  }

  void take(copy::StreamResult&& result) { tell(taken(result.id), std::move(result.outcome), result.duration); }

  BatchLine taken(std::uint64_t number) {
    return under_way_.with([&](auto& lines) { return std::move(lines.extract(number).mapped()); });
  }

  void tell(const BatchLine& line, Result<CopyReport> outcome, Duration duration) {
    counts_.with([&](BatchCounts& counts) { counts.add(outcome); });
    if (!outcome) outcome = fail(frame_.explain(std::move(outcome).error()));
    if (wants_report_) {
      report_.with([&](BatchReport& report) { report.add(line.order ? &*line.order : nullptr, outcome, duration); });
    }
    Json text;
    text["id"] = line.id;
    text["line"] = line.number;
    if (outcome) {
      outcome->duration = duration;
      text.update(copy_json(*outcome, line.names));
      text.erase("retries");  // which are counted for the run
    } else {
      const Error& error = outcome.error();
      text.update(failure_json(error, exit_code(error.code(), frame_.interruption()), line.names));
      text["duration_ms"] = duration.count();
    }
    // Both may be the same terminal; the view draws itself again.
    voice_.terminal.set_status("");
    if (!voice_.terminal.print(json_text(text) + "\n")) reading_.request_stop();
  }

  RunFrame& frame_;
  const Settings& settings_;
  const Voice& voice_;
  const RunServices services_;
  const bool wants_report_;
  std::stop_source reading_;
  bool complete_ = false;
  Guarded<BatchCounts> counts_;
  Guarded<BatchReport> report_;
  Guarded<std::map<std::uint64_t, BatchLine>> under_way_;
  Engine engine_;
  copy::StreamingCopier copier_;
};

int exit_code_of(const BatchCounts& counts, bool is_complete, const Interruption& interruption) {
  const bool interrupted = interruption.signal != 0 || interruption.deadline_passed;
  // A batch that was through when the signal came is what it is.
  if (interrupted && (!is_complete || counts.failed > 0)) return exit_code(ErrorCode::kCancelled, interruption);
  return counts.failed > 0 || counts.skipped > 0 ? kExitPartial : kExitDone;
}

/// How a batch has ended as a whole.
struct BatchEnd {
  int exit_code = kExitDone;
  std::optional<Error> error = {};  ///< what is to be told
};

BatchEnd end_of(const RunFrame& frame, const BatchRun& run, const Status& read) {
  const Status printed = frame.voice().terminal.output_status();
  for (const Status* status : {&printed, &read}) {
    if (!*status) return {exit_code(status->error().code(), frame.interruption()), status->error()};
  }
  const int code = exit_code_of(run.counts(), run.is_complete(), frame.interruption());
  if (code < kExitSignalBase && code != kExitTemporary) return {code};
  return {code, frame.explain(Error(ErrorCode::kCancelled, "stopped"))};
}

struct BatchOutcome {
  BatchEnd end;
  BatchCounts counts;
  replicate::TreeReport report;
};

// All that was measured is gone when this returns.
BatchOutcome run_lines(RunFrame& frame, const RunServices& services, const BatchRequest& request,
                       const Settings& settings, LineReader& lines) {
  BatchRun run(frame, services, request, settings);
  const Status read = run.run(lines);
  return {end_of(frame, run, read), run.counts(), run.take_report()};
}

}  // namespace

Result<BatchRequest> make_batch_request(const Settings& settings, const std::vector<std::string>& operands,
                                        const EnvironmentLookup& environment, int standard_input) {
  BatchRequest request;
  request.file = settings.text("batch");
  if (!operands.empty()) {
    return fail(ErrorCode::kUsage, "--batch takes SRC and DST from its lines: leave them out here");
  }
  if (request.file != "-") FL_CHECK(require_file(settings, "batch", request.file));
  for (const std::string_view option : {"src-password-file", "dest-password-file"}) {
    if (request.file != "-" || settings.text(option) != "-") continue;
    return usage_at(settings, option, "standard input has the batch: use a file for the password");
  }
  if (!settings.text("checkpoint").empty()) {
    return usage_at(settings, "checkpoint", "it belongs to one source and destination: leave it out with --batch");
  }
  copy::CopyOptions options;
  FL_CHECK(read_copy_options(settings, options));
  request.codec_memory = codec_memory_of(options);
  FL_CHECK(read_run_request(settings, environment, request));
  FL_CHECK(read_credentials(settings, standard_input, {{"SRC", true}, {"DST", true}}, request));
  return request;
}

int run_batch(RunFrame& frame, const BatchRequest& request, const Settings& settings) {
  const Voice& voice = frame.voice();
  auto lines = LineReader::open(request.file, STDIN_FILENO);
  if (!lines) {
    frame.end_progress();
    return report_failure(voice, lines.error(), exit_code(lines.error().code()));
  }
  RunMonitor monitor(frame, request.monitor, "copy");
  const RunServices services = monitor.services();
  const auto started = services.clock.wall_time();
  const TimePoint start = services.clock.now();
  auto [ended, counts, report] = run_lines(frame, services, request, settings, *lines);
  frame.end_progress();
  report.source = "--batch " + request.file.string();
  report.dry_run = settings.on("dry-run");
  report.started = started;
  report.duration = std::chrono::duration_cast<Duration>(services.clock.now() - start);
  report.totals.retries = services.progress.retries.load();
  report.performance = monitor.finish();
  report.exit_code = monitor.judge(ended.exit_code);
  write_progress(voice.terminal, voice.log_format,
                 fmt::format("{}, {}", counts.text(), format_duration(report.duration)));
  if (ended.error) write_failure(voice.terminal, voice.log_format, ended.error->describe());
  report.error = ended.error;
  return monitor.conclude(save_copy_report(frame, request.monitor.report, report, report.exit_code));
}

}  // namespace freightliner::cli
