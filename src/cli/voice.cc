#include "cli/voice.h"

#include <fmt/format.h>

#include "cli/render.h"
#include "freightliner/cli/exit_codes.h"

namespace freightliner::cli {

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

LogLevel log_level_of(const Settings& settings) {
  const std::string name = settings.text("log-level");
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  return name == "error" ? LogLevel::kError : LogLevel::kOff;
}

int report_failure(const Voice& voice, const Error& error, int code) {
  // Standard output may be what failed: the line on standard error and the exit code still tell.
  if (voice.json_output) static_cast<void>(voice.terminal.print(render_json(error, code, {})));
  write_failure(voice.terminal, voice.log_format, error.describe());
  return code;
}

int report_usage(const Voice& voice, const Error& error) {
  return report_failure(voice, error, exit_code(error.code()));
}

Error input_error(Error error) {
  return error.code() == ErrorCode::kNotFound ? Error(ErrorCode::kUsage, error.describe()) : std::move(error);
}

int report_result(const Voice& voice, const std::string& text, int code) {
  const Status printed = voice.terminal.print(text);
  if (printed) return code;
  write_failure(voice.terminal, voice.log_format, printed.error().describe());
  return exit_code(printed.error().code());
}

}  // namespace freightliner::cli
