#include "cli/monitor_request.h"

#include <fmt/format.h>

#include <system_error>

#include "cli/run_request.h"
#include "freightliner/base/text.h"

namespace freightliner::cli {
namespace {

Status check_place(const Settings& settings, std::string_view option) {
  if (!settings.has(option)) return {};
  std::error_code error;
  const std::filesystem::path path = settings.text(option);
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    return usage_at(settings, option,
                    fmt::format("{} is not a regular file: name another", printable(path.string(), 4096)));
  }
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (std::filesystem::is_directory(directory, error)) return {};
  return usage_at(settings, option, fmt::format("there is no directory {}", printable(directory.string(), 4096)));
}

}  // namespace

Result<MonitorRequest> read_monitor_request(const Settings& settings) {
  FL_CHECK(check_place(settings, "report"));
  FL_CHECK(check_place(settings, "metrics-file"));
  MonitorRequest request{.stats = settings.on("stats"),
                         .report_interval = settings.duration("report-interval"),
                         .report = settings.text("report"),
                         .metrics_file = settings.text("metrics-file"),
                         .alert_fail = settings.on("alert-fail")};
  // Whoever wants no progress lines wants no further lines by default either.
  if (settings.text("progress") == "none" && settings.origin("report-interval") == Origin::kDefault) {
    request.report_interval = Duration(0);
  }
  for (const std::string& text : settings.values("alert")) {
    auto rule = runtime::AlertRule::parse(text);
    if (!rule) return fail(std::move(rule).error().with_context(settings.where("alert")));
    request.alerts.push_back(*std::move(rule));
  }
  if (request.alert_fail && request.alerts.empty()) {
    return usage_at(settings, "alert-fail", "there is no --alert that could fail the run");
  }
  return request;
}

}  // namespace freightliner::cli
