#include "cli/batch_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <utility>

#include "cli/batch_line.h"
#include "cli/image_pair.h"
#include "cli/run_credentials.h"
#include "freightliner/base/guarded.h"
#include "freightliner/base/text.h"

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

// Two names of one directory must not become two stores.
std::string path_of(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(path, error);
  return error ? path.string() : whole.string();
}

copy::DestinationStore store_of(const transport::ImageName& name) {
  switch (name.kind) {
    case transport::TransportKind::kDocker:
      return {.name = "docker://" + name.reference->registry};
    case transport::TransportKind::kOci:
      return {.name = "oci:" + path_of(name.path)};
    case transport::TransportKind::kOciArchive:
      break;
  }
  return {.name = "oci-archive:" + path_of(name.path), .one_at_a_time = true};
}

/// One batch from its first line to its last result. The main thread reads; results come from the workers.
class BatchRun {
 public:
  BatchRun(RunFrame& frame, const BatchRequest& request, const Settings& settings, const Voice& voice)
      : frame_(frame),
        settings_(settings),
        voice_(voice),
        services_(frame.services()),
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

 private:
  Status read_all(LineReader& lines) {
    for (;;) {
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
    Json text;
    text["id"] = line.id;
    text["line"] = line.number;
    if (outcome) {
      outcome->duration = duration;
      text.update(copy_json(*outcome, line.names));
      text.erase("retries");  // which are counted for the run
    } else {
      const Error error = frame_.explain(std::move(outcome).error());
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
  std::stop_source reading_;
  bool complete_ = false;
  Guarded<BatchCounts> counts_;
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
  copy::CopyOptions options;
  FL_CHECK(read_copy_options(settings, options));
  request.codec_memory = codec_memory_of(options);
  FL_CHECK(read_run_request(settings, environment, request));
  FL_CHECK(read_credentials(settings, standard_input, {{"SRC", true}, {"DST", true}}, request));
  return request;
}

int run_batch(RunFrame& frame, const BatchRequest& request, const Settings& settings, const Voice& voice) {
  const RunServices services = frame.services();
  const TimePoint start = services.clock.now();
  auto lines = LineReader::open(request.file, STDIN_FILENO);
  if (!lines) {
    frame.end_progress();
    return report_failure(voice, lines.error(), exit_code(lines.error().code()));
  }
  BatchRun run(frame, request, settings, voice);
  const Status read = run.run(*lines);
  frame.end_progress();
  const BatchCounts counts = run.counts();
  const int code = exit_code_of(counts, run.is_complete(), frame.interruption());
  write_progress(voice.terminal, voice.log_format,
                 fmt::format("{}, {}", counts.text(),
                             format_duration(std::chrono::duration_cast<Duration>(services.clock.now() - start))));
  const Status printed = voice.terminal.output_status();
  for (const Status* status : {&printed, &read}) {
    if (*status) continue;
    write_failure(voice.terminal, voice.log_format, status->error().describe());
    return exit_code(status->error().code(), frame.interruption());
  }
  if (code >= kExitSignalBase || code == kExitTemporary) {
    write_failure(voice.terminal, voice.log_format, frame.explain(Error(ErrorCode::kCancelled, "stopped")).describe());
  }
  return code;
}

}  // namespace freightliner::cli
