#include "cli/report_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/report_figures.h"
#include "freightliner/base/bytes.h"

namespace freightliner::cli {
namespace {

using nlohmann::json;
using replicate::kNoFigure;
using replicate::ReportSummary;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// What an early version wrote.
ReportSummary early() {
  ReportSummary report;
  report.source = "src.example/team";
  report.destination = "dst.example";
  report.started = "2026-01-31T12:00:00.000Z";
  report.figures = {{"duration_ms", 2500},
                    {"exit_code", 0},
                    {"totals.tags", 7},
                    {"totals.kept", 0},
                    {"totals.failed", 0},
                    {"performance.bytes_per_second", 2 * kMiB},
                    {"performance.bytes_copied", 5 * kMiB}};
  return report;
}

ReportSummary whole() {
  ReportSummary report = early();
  report.figures["performance.memory.waits"] = 0;
  report.figures["performance.memory.budget_bytes"] = 64 * kMiB;
  report.texts["performance.memory.budget_source"] = "--max-memory";
  report.figures["performance.buffer_pool.acquired"] = 200;
  report.figures["performance.buffer_pool.hits"] = 199;
  report.figures["performance.system.cpu_user_seconds"] = 0.005;
  report.figures["performance.system.cpu_system_seconds"] = 0.005;
  report.operations = {{.name = "blob_copy", .count = 12, .errors = 1, .bytes = 5 * kMiB, .p50_ms = 1.5, .p99_ms = 90}};
  report.samples = {.columns = {"seconds", "bytes_moved", "blob_p99_ms"}, .values = {1, kMiB, 20, 2, 5 * kMiB, 40}};
  report.hosts = {{.name = "dst.example:443", .requests = 90, .throttled = 1, .waits = 4, .wait_seconds = 0.25}};
  report.alerts = {{.alert = "rss>64MiB", .message = "resident memory is 70.0 MiB", .value = 7e7, .seconds = 1.5}};
  report.transitions = {{.time = "2026-01-31T12:00:01.000Z", .from = "low", .to = "high", .resident_bytes = 7e7}};
  return report;
}

TEST(ReportFigures, Texts) {
  EXPECT_EQ(figure_text(17, FigureUnit::kCount), "17");
  EXPECT_EQ(figure_text(1e300, FigureUnit::kCount), "1.00e+300");
  EXPECT_EQ(figure_text(3.0 * kMiB, FigureUnit::kBytes), "3.0 MiB");
  EXPECT_EQ(figure_text(1e300, FigureUnit::kBytesPerSecond), "1.00e+300 B/s");
  EXPECT_EQ(figure_text(0.125, FigureUnit::kMilliseconds), "0.12 ms");
  EXPECT_EQ(figure_text(90, FigureUnit::kMilliseconds), "90 ms");
  EXPECT_EQ(figure_text(12.3, FigureUnit::kSeconds), "12.3 s");
  EXPECT_EQ(figure_text(1e300, FigureUnit::kSeconds), "1.00e+303 ms");
  EXPECT_EQ(figure_text(99.5, FigureUnit::kPercent), "99.5 %");
  EXPECT_EQ(figure_text(kNoFigure, FigureUnit::kBytes), "-");
}

TEST(ReportFigures, Changes) {
  const auto text = [](double before, double now, Direction direction) {
    const Change change = change_of(before, now, direction);
    return percent_text(change.percent) + "|" + std::string(change.verdict);
  };
  EXPECT_EQ(text(100, 150, Direction::kMore), "+50.0 %|better");
  EXPECT_EQ(text(100, 150, Direction::kLess), "+50.0 %|worse");
  EXPECT_EQ(text(100, 50, Direction::kLess), "-50.0 %|better");
  EXPECT_EQ(text(100, 150, Direction::kNone), "+50.0 %|");
  EXPECT_EQ(text(100, 100, Direction::kMore), "=|");
  EXPECT_EQ(text(0, 3, Direction::kLess), "|worse");
  EXPECT_EQ(text(0, 0, Direction::kLess), "|");
  EXPECT_EQ(text(kNoFigure, 3, Direction::kLess), "|");
  EXPECT_EQ(text(1, 100, Direction::kMore), "x 100.0|better");
  EXPECT_EQ(text(1e-300, 1e300, Direction::kMore), "|better");
}

TEST(ReportView, OneReport) {
  const ReportSummary report = whole();
  const std::string text = render_report_text({.report = report}, true);
  for (const char* expected : {
           "src.example/team → dst.example, begun 2026-01-31T12:00:00.000Z\n",
           "\nOUTCOME\n  duration                         2.5 s\n",
           "  tags                                 7\n",
           "  bytes per second             2.0 MiB/s\n",
           "  highest in a sample          4.0 MiB/s\n",
           "  budget                        64.0 MiB  --max-memory\n",
           "  from the pool                   99.5 %\n",
           "  CPU per GiB                      2.0 s\n",
           "  changes of pressure                  1\n",
           "\nOPERATIONS                        COUNT  ERRORS      BYTES       P50       P90       P99       MAX\n"
           "  blob_copy                          12       1    5.0 MiB   1.50 ms         -     90 ms         -\n",
           "\nHOSTS                                            REQUESTS  THROTTLED     WAITS      WAITED\n"
           "       dst.example:443                                 90          1         4      250 ms\n",
           "\nPRESSURE ON MEMORY\n  2026-01-31T12:00:01.000Z  low → high, 66.8 MiB resident\n",
           "\nALERTS\n  rss>64MiB after 1.5 s: resident memory is 70.0 MiB\n",
           "\nThroughput, MiB/s\n",
           "\nLatency of a blob, 99th percentile so far, ms\n",
       }) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
  EXPECT_THAT(text, Not(HasSubstr("kept")));  // rare, and 0
  EXPECT_THAT(text, HasSubstr("failed                               0"));
  EXPECT_THAT(text, Not(HasSubstr("note:")));
}

TEST(ReportView, PlainTerminalsGetAscii) {
  const ReportSummary report = whole();
  for (const char c : render_report_text({.report = report}, false)) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7F));
}

TEST(ReportView, ABatchHasNoDestination) {
  ReportSummary report = whole();
  report.source = "--batch requests.jsonl";
  report.destination.clear();
  EXPECT_THAT(render_report_text({.report = report}, true), StartsWith("--batch requests.jsonl, begun 2026-01-31T"));
  EXPECT_THAT(render_report_svg({.report = report}), HasSubstr("--batch requests.jsonl, 2026-01-31T"));
}

TEST(ReportView, AnEarlyReportSaysWhatItLacks) {
  const ReportSummary report = early();
  const std::string text = render_report_text({.report = report}, true);
  EXPECT_THAT(text, HasSubstr("bytes copied                   5.0 MiB"));
  EXPECT_THAT(text, HasSubstr("\nnote: The report has no operations and no samples over time: an earlier version"));
  for (const char* absent : {"MEMORY", "OPERATIONS", "ALERTS", "Throughput, "})
    EXPECT_THAT(text, Not(HasSubstr(absent)));
}

TEST(ReportView, AShortRunHasNothingToDraw) {
  ReportSummary report = whole();
  report.samples.values = {0, 0, 0};
  EXPECT_THAT(render_report_text({.report = report}, true), HasSubstr("note: The report has no samples over time"));
  report.samples.values.clear();
  EXPECT_THAT(render_report_text({.report = report}, true), HasSubstr("note: The report has no samples over time"));
}

TEST(ReportView, TwoReports) {
  const ReportSummary old = whole();
  ReportSummary now = whole();
  now.figures["performance.bytes_per_second"] = 3 * kMiB;
  now.figures["duration_ms"] = 5000;
  now.operations[0].p99_ms = 45;
  now.operations.push_back({.name = "ping", .count = 1});
  now.source = "elsewhere.example";
  now.alerts.clear();
  const std::string text = render_report_text({.report = now, .old = &old}, true);
  for (const char* expected : {
           "old: src.example/team → dst.example",
           "new: elsewhere.example → dst.example",
           "\nOUTCOME                              OLD           NEW      CHANGE\n",
           "  duration                         2.5 s         5.0 s    +100.0 %  worse\n",
           "  bytes per second             2.0 MiB/s     3.0 MiB/s     +50.0 %  better\n",
           "  tags                                 7             7           =\n",
           "  blob_copy             old          12       1    5.0 MiB   1.50 ms         -     90 ms         -\n"
           "                        new          12       1    5.0 MiB   1.50 ms         -     45 ms         -\n"
           "                        change                                     =             -50.0 %            "
           "p99 better\n"
           "  ping                  new           1",
           "  old  dst.example:443                                 90          1         4      250 ms\n"
           "  new  dst.example:443                                 90 ",
           "ALERTS\n  old: rss>64MiB",
           "\nThroughput, new, MiB/s\n",
           "\nThroughput, old, MiB/s\n",
           "note: The two runs have different sources or destinations.\n",
       }) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST(ReportView, ComparedWithAnEarlyReport) {
  const ReportSummary old = early();
  const ReportSummary now = whole();
  const std::string text = render_report_text({.report = now, .old = &old}, true);
  EXPECT_THAT(text, HasSubstr("  budget                               -      64.0 MiB\n"));
  EXPECT_THAT(text, HasSubstr("note: The old report has no operations and no samples over time"));
  EXPECT_THAT(text, HasSubstr("Throughput, new"));
  EXPECT_THAT(text, Not(HasSubstr("Throughput, old")));
}

TEST(ReportView, NothingFromAFileActsOnATerminal) {
  ReportSummary report = whole();
  const std::string hostile = "\x1b[31m\xff\n\xe2\x80\xae<&\">'\xef\xbf\xbf" + std::string(100'000, 'x');
  report.source = report.destination = report.started = report.error = report.error_class = hostile;
  report.operations[0].name = report.hosts[0].name = hostile;
  report.alerts[0] = {.alert = hostile, .message = hostile};
  report.transitions[0] = {.time = hostile, .from = hostile, .to = hostile};
  report.texts["performance.memory.budget_source"] = hostile;
  const ReportView view = {.report = report, .old = &report};
  const std::string text = render_report_text(view, true);
  const std::string svg = render_report_svg(view);
  const std::string document = render_report_json(view);
  for (const std::string* output : {&text, &svg, &document}) {
    EXPECT_EQ(output->find('\x1b'), std::string::npos);
    EXPECT_EQ(output->find('\xff'), std::string::npos);
    EXPECT_EQ(output->find("\xe2\x80\xae"), std::string::npos);
  }
  EXPECT_LT(text.size(), 40'000U);
  EXPECT_LT(svg.size(), 20'000U);
  EXPECT_EQ(svg.find("\xef\xbf\xbf"), std::string::npos);
  EXPECT_THAT(svg, HasSubstr("&lt;&amp;&quot;&gt;"));
  EXPECT_TRUE(json::accept(document));
}

TEST(ReportView, Svg) {
  const ReportSummary old = early();
  const ReportSummary now = whole();
  const std::string one = render_report_svg({.report = now});
  EXPECT_THAT(one, HasSubstr(">Throughput, MiB/s</text>"));
  EXPECT_THAT(one, HasSubstr(">Latency of a blob, 99th percentile so far, ms</text>"));
  EXPECT_THAT(one, HasSubstr("src.example/team → dst.example"));
  EXPECT_THAT(one, HasSubstr("<path d=\"M80.0 254.0H475.0V104.0H870.0\" fill=\"none\"")) << one;
  EXPECT_THAT(one, Not(HasSubstr("stroke-dasharray")));
  const std::string two = render_report_svg({.report = now, .old = &old});
  EXPECT_THAT(two, HasSubstr(">new</text>"));
  EXPECT_THAT(two, HasSubstr(">old</text>"));
  EXPECT_THAT(two, HasSubstr("stroke-dasharray"));
  const std::string none = render_report_svg({.report = old});
  EXPECT_THAT(none, HasSubstr("nothing was sampled over time"));
  EXPECT_THAT(none, Not(HasSubstr("<path")));
}

TEST(ReportView, LongRunsStaySmallPictures) {
  ReportSummary report = whole();
  report.samples.values.clear();
  for (int i = 1; i <= 50'000; ++i) {
    report.samples.values.insert(report.samples.values.end(), {i * 1.0, i * 1e6, 10.0 + i % 7});
  }
  EXPECT_LT(render_report_svg({.report = report}).size(), 40'000U);
  const json document = json::parse(render_report_json({.report = report}));
  EXPECT_EQ(document["report"]["bytes_per_second_over_time"].size(), 400U);
}

TEST(ReportView, Json) {
  const ReportSummary old = early();
  const ReportSummary now = whole();
  const std::string line = render_report_json({.report = now, .old = &old});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const json document = json::parse(line);
  const json& report = document["report"];
  EXPECT_EQ(report["source"], "src.example/team");
  EXPECT_EQ(report["figures"]["totals.tags"], 7);
  EXPECT_EQ(report["figures"]["derived.cpu_seconds_per_gib"], 2.048);
  EXPECT_EQ(report["operations"][0]["operation"], "blob_copy");
  EXPECT_EQ(report["operations"][0]["p90_ms"], nullptr);
  EXPECT_EQ(report["bytes_per_second_over_time"], json::parse("[[0,1,1048576],[1,2,4194304]]"));
  EXPECT_EQ(report["blob_p99_ms_over_time"], json::parse("[[0,1,20],[1,2,40]]"));
  EXPECT_EQ(report["hosts"][0]["waits"]["seconds"], 0.25);
  EXPECT_EQ(report["alerts"][0]["alert"], "rss>64MiB");
  EXPECT_FALSE(document["old"]["figures"].contains("performance.memory.waits"));
  EXPECT_EQ(document["changes"][0],
            (json{{"figure", "duration_ms"}, {"old", 2500}, {"new", 2500}, {"percent", 0}, {"verdict", nullptr}}));
  EXPECT_EQ(document["notes"].size(), 1U);
  EXPECT_FALSE(json::parse(render_report_json({.report = now})).contains("changes"));
}

TEST(ReportFigures, SectionsStandTogether) {
  std::vector<std::string_view> sections;
  for (const Figure& figure : report_figures()) {
    if (!sections.empty() && sections.back() == figure.section) continue;
    EXPECT_THAT(sections, Not(testing::Contains(figure.section)));
    sections.push_back(figure.section);
  }
}

}  // namespace
}  // namespace freightliner::cli
