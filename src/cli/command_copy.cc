#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/copy_request.h"
#include "cli/copy_run.h"
#include "cli/defaults.h"
#include "cli/exit_watchdog.h"
#include "cli/log_sink.h"
#include "cli/progress_view.h"
#include "cli/reference_text.h"
#include "cli/render.h"
#include "freightliner/runtime/signal_watcher.h"

namespace freightliner::cli {
namespace {

/// How a run talks, as far as it is known.
struct Voice {
  Terminal& terminal;
  bool json_output = false;
  LogFormat log_format = LogFormat::kText;
};

// Before the options are known to be right: what the user most likely wants an error to look like.
Voice guess_voice(const CommandContext& context) {
  Voice voice{context.terminal};
  const auto wants_json = [&](std::string_view option) {
    const std::string flag = fmt::format("--{}", option);
    const auto& arguments = context.arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] == flag + "=json") return true;
      if (arguments[i] == flag && i + 1 < arguments.size()) return arguments[i + 1] == "json";
    }
    return context.environment(environment_name(*find_option(option)).c_str()) == "json";
  };
  voice.json_output = wants_json("output");
  if (wants_json("log-format")) voice.log_format = LogFormat::kJson;
  return voice;
}

Voice voice_of(const Settings& settings, Terminal& terminal) {
  return {.terminal = terminal,
          .json_output = settings.text("output") == "json",
          .log_format = settings.text("log-format") == "json" ? LogFormat::kJson : LogFormat::kText};
}

LogLevel log_level(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  return name == "error" ? LogLevel::kError : LogLevel::kOff;
}

int report_failure(const Voice& voice, const Error& error, int code, const CopyNames& names) {
  // Standard output may be what failed: the line on standard error and the exit code still tell.
  if (voice.json_output) static_cast<void>(voice.terminal.print(render_json(error, code, names)));
  write_failure(voice.terminal, voice.log_format, error.describe());
  return code;
}

int report_success(const Voice& voice, const copy::CopyReport& report, const CopyNames& names) {
  const Status printed =
      voice.terminal.print(voice.json_output ? render_json(report, names) : render_text(report, names));
  if (printed) return exit_code(report);
  write_failure(voice.terminal, voice.log_format, printed.error().describe());
  return exit_code(printed.error().code());
}

/// What ended the run from outside; empty where it ended by itself.
std::string outside_reason(const Interruption& interruption, Duration timeout) {
  if (interruption.signal == SIGINT) return "stopped by SIGINT";
  if (interruption.signal != 0) return "stopped by SIGTERM";
  if (!interruption.deadline_passed) return {};
  return fmt::format("the run's time (--timeout {}) has passed", format_duration(timeout));
}

/// An outside reason comes first; the error that it led to is told where it says more than "stopped".
Error explain(Error error, const Interruption& interruption, Duration timeout) {
  std::string reason = outside_reason(interruption, timeout);
  if (reason.empty()) return error;
  const ErrorCode code = interruption.signal != 0 ? ErrorCode::kCancelled : ErrorCode::kTemporary;
  if (error.code() == ErrorCode::kCancelled) return Error(code, std::move(reason));
  return Error(code, error.describe()).with_context(std::move(reason));
}

int run_request(const CopyRequest& request, const Settings& settings, const Voice& voice) {
  runtime::SignalWatcher watcher;  // before any other thread
  const auto interruption = [&watcher] {
    return Interruption{.signal = watcher.signal(), .deadline_passed = watcher.deadline_passed()};
  };
  if (request.timeout > Duration(0)) watcher.stop_after(request.timeout);
  const ExitWatchdog watchdog(
      watcher.token(), kCleanUpGrace, [&] { return exit_code(ErrorCode::kCancelled, interruption()); }, voice.terminal);

  TerminalLogSink sink(voice.terminal, voice.log_format);
  const Logger log(&sink, log_level(settings.text("log-level")));
  const CopyNames names = {.source = request.source.to_string(), .destination = request.destination.to_string()};
  SystemClock clock;
  runtime::Progress progress;
  auto report = [&] {
    const ProgressView view(progress_mode(settings.text("progress"), voice.terminal), voice.log_format, progress, clock,
                            voice.terminal);
    return run_copy_request(request, {.clock = clock, .progress = progress, .log = log}, watcher.token());
  }();
  // A copy that was complete when the signal came is a success.
  if (report) return report_success(voice, *report, names);
  const Error error = explain(std::move(report).error(), interruption(), request.timeout);
  return report_failure(voice, error, exit_code(error.code(), interruption()), names);
}

}  // namespace

int run_copy(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto usage = [&](const Voice& voice, const Error& error) {
    return report_failure(voice, error, exit_code(error.code()), {});
  };
  const auto arguments = parse_arguments(kCopyCommand, context.arguments);
  if (!arguments) return usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("copy")));
  const auto settings = Settings::resolve(kCopyCommand, *arguments, context.environment);
  if (!settings) return usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  const auto request = make_copy_request(*settings, arguments->operands, context.environment, STDIN_FILENO);
  if (!request) return usage(voice, request.error());
  return run_request(*request, *settings, voice);
}

}  // namespace freightliner::cli
