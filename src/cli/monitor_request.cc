#include "cli/monitor_request.h"

#include "cli/run_files.h"
#include "cli/run_request.h"

namespace freightliner::cli {
Result<MonitorRequest> read_monitor_request(const Settings& settings) {
  FL_CHECK(require_place(settings, "report"));
  FL_CHECK(require_place(settings, "metrics-file"));
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
