#include <fmt/format.h>

#include <optional>

#include "cli/arguments.h"
#include "cli/reference_text.h"
#include "cli/report_view.h"
#include "cli/run_request.h"
#include "cli/text_plot.h"
#include "cli/voice.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/io/file.h"
#include "freightliner/runtime/temporary_file.h"

namespace freightliner::cli {
namespace {

Status save_picture(const ReportView& view, const std::string& path) {
  SystemClock clock;
  runtime::CleanupRegistry cleanups(clock);
  return runtime::save_file(cleanups, path, [&](const auto& sink) { return sink(render_report_svg(view)); });
}

// The picture is written in the place of what is there, which must not be what was read.
Status check_picture(const std::string& path, const std::string& report) {
  if (!io::is_same_file(path, report)) return {};
  return fail(ErrorCode::kUsage,
              fmt::format("--svg: {} is a report that is read: name another", printable(path, 4096)));
}

Result<replicate::ReportSummary> read_report(const std::string& path) {
  auto report = replicate::read_report_summary(path);
  if (!report) return fail(input_error(std::move(report).error()));
  return report;
}

Result<std::string> show_reports(const Settings& settings, const std::vector<std::string>& operands, bool unicode) {
  if (operands.size() != 1) {
    return fail(ErrorCode::kUsage, fmt::format("report takes FILE, and {} {} given", operands.size(),
                                               operands.size() == 1 ? "was" : "were"));
  }
  if (settings.has("svg")) {
    FL_CHECK(check_picture(settings.text("svg"), operands.front()));
    if (settings.has("compare")) FL_CHECK(check_picture(settings.text("svg"), settings.text("compare")));
  }
  FL_TRY(const replicate::ReportSummary report, read_report(operands.front()));
  std::optional<replicate::ReportSummary> old;
  if (settings.has("compare")) {
    FL_TRY(old, read_report(settings.text("compare")));
  }
  const ReportView view = {.report = report, .old = old ? &*old : nullptr};
  if (settings.has("svg")) FL_CHECK(save_picture(view, settings.text("svg")));
  return settings.text("output") == "json" ? render_report_json(view) : render_report_text(view, unicode);
}

}  // namespace

int run_report(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kReportCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("report")));
  const auto settings = Settings::resolve_with(kReportCommand, *arguments, context.environment, {}, {});
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  const auto text = show_reports(*settings, arguments->operands, is_utf8_locale(context.environment));
  if (!text) return report_usage(voice, text.error());
  return report_result(voice, *text, kExitDone);
}

}  // namespace freightliner::cli
