#include "freightliner/replicate/report_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "freightliner/replicate/tree_report.h"
#include "support/cleanups.h"
#include "support/temporary_directory.h"

namespace freightliner::replicate {
namespace {

using test::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

constexpr std::string_view kHead =
    R"("freightliner_report":1,"source":"a","destination":"b","started":"2026-01-31T12:00:00.000Z","duration_ms":2500,)"
    R"("dry_run":true,"exit_code":3,"totals":{"tags":7},"references":[])";

Result<ReportSummary> read(std::string_view text) {
  const TemporaryDirectory directory;
  return read_report_summary(directory.write("report.json", text));
}

/// A report whose member `performance` is this.
std::string with_performance(std::string_view members) {
  return "{" + std::string(kHead) + R"(,"performance":{)" + std::string(members) + "}}";
}

TEST(ReportSummaryTest, ReadsWhatSaveReportWrites) {
  const TemporaryDirectory directory;
  TreeReport report;
  report.source = "src:5000/team";
  report.destination = "dst:5000";
  report.duration = Duration(2500);
  report.exit_code = 3;
  report.performance.end.system.peak_rss_bytes = 5'000'000;
  report.performance.end.system.threads = 7;
  report.totals.tags = 2;
  report.totals.failed = 1;
  report.totals.bytes_copied = 1000;
  report.error = Error(ErrorCode::kSafetyLimit, "too many deletions");
  for (const char* tag : {"v1", "v2"}) {
    ReferenceResult result;
    result.repository = std::make_shared<const RepositoryPair>(RepositoryPair{"app", "app"});
    result.tag = tag;
    report.references.push_back(std::move(result));
  }
  ASSERT_TRUE(save_report(report, directory / "report.json", test::cleanups()));
  const auto summary = read_report_summary(directory / "report.json");
  ASSERT_TRUE(summary) << summary.error().describe();
  EXPECT_EQ(summary->source, "src:5000/team");
  EXPECT_EQ(summary->destination, "dst:5000");
  EXPECT_EQ(summary->references, 2U);
  EXPECT_EQ(summary->error_class, "safety_limit");
  EXPECT_EQ(summary->error, "too many deletions");
  EXPECT_FALSE(summary->dry_run);
  EXPECT_EQ(summary->figure("exit_code"), 3);
  EXPECT_EQ(summary->figure("totals.failed"), 1);
  EXPECT_EQ(summary->figure("performance.bytes_per_second"), 400);
  EXPECT_EQ(summary->figure("performance.peak_rss_bytes"), 5'000'000);
  EXPECT_EQ(summary->figure("performance.system.threads"), 7);
  EXPECT_THAT(summary->figure("performance.system.fans"), IsNan());
}

TEST(ReportSummaryTest, WhatEarlierVersionsWroteIsEnough) {
  const auto summary = read("{" + std::string(kHead) + "}");
  ASSERT_TRUE(summary) << summary.error().describe();
  EXPECT_TRUE(summary->dry_run);
  EXPECT_TRUE(summary->operations.empty());
  EXPECT_EQ(summary->samples.rows(), 0U);
  EXPECT_TRUE(summary->alerts.empty());
}

TEST(ReportSummaryTest, TheMembersOfTheMonitor) {
  const auto summary = read(with_performance(
      R"("operations":[{"operation":"blob_copy","count":3,"errors":1,"bytes":100,"items":2,"seconds_total":0.5,)"
      R"("p50_ms":1.5,"p90_ms":2,"p99_ms":3,"max_ms":4,"later":[1,{"count":99}]},{"operation":"ping"}],)"
      R"("memory":{"waits":2,"level":"high","transitions":[{"time":"T","from":"low","to":"high","resident_bytes":9}]},)"
      R"("samples":{"interval_ms":500,"rows":[[0.5,10],[1,null]],"columns":["seconds","bytes_moved"]},)"
      R"("hosts":[{"host":"a:1","requests":9,"throttled":1,"waits":{"count":2,"seconds":0.5}},{"waits":3}],)"
      R"("alerts":[{"alert":"rss>1MiB","value":7,"message":"m","seconds":1.25}])"));
  ASSERT_TRUE(summary) << summary.error().describe();
  ASSERT_EQ(summary->operations.size(), 2U);
  const OperationFigures& copy = summary->operations[0];
  EXPECT_EQ(copy.name, "blob_copy");
  EXPECT_THAT((std::vector{copy.count, copy.errors, copy.bytes, copy.items, copy.seconds_total, copy.p50_ms,
                           copy.p90_ms, copy.p99_ms, copy.max_ms}),
              ElementsAre(3, 1, 100, 2, 0.5, 1.5, 2, 3, 4));
  EXPECT_THAT(summary->operations[1].p99_ms, IsNan());
  EXPECT_EQ(summary->figure("performance.memory.waits"), 2);
  EXPECT_EQ(summary->texts.at("performance.memory.level"), "high");
  ASSERT_EQ(summary->transitions.size(), 1U);
  EXPECT_EQ(summary->transitions[0].to, "high");
  EXPECT_EQ(summary->transitions[0].resident_bytes, 9);
  ASSERT_EQ(summary->samples.rows(), 2U);
  const auto bytes = summary->samples.column("bytes_moved");
  ASSERT_TRUE(bytes);
  EXPECT_EQ(summary->samples.at(0, *bytes), 10);
  EXPECT_THAT(summary->samples.at(1, *bytes), IsNan());
  EXPECT_FALSE(summary->samples.column("rss_bytes"));
  ASSERT_EQ(summary->hosts.size(), 2U);
  const HostFigures& host = summary->hosts[0];
  EXPECT_EQ(host.name, "a:1");
  EXPECT_THAT((std::vector{host.requests, host.throttled, host.waits, host.wait_seconds}), ElementsAre(9, 1, 2, 0.5));
  ASSERT_EQ(summary->alerts.size(), 1U);
  EXPECT_EQ(summary->alerts[0].alert, "rss>1MiB");
  EXPECT_EQ(summary->alerts[0].seconds, 1.25);
}

TEST(ReportSummaryTest, NamesThatLookLikePlacesAreNone) {
  const auto summary = read(with_performance(
      R"("operations[].operation":"x","alerts[].message":"x","operations[]":{"count":1},"a.b":1,)"
      R"("operations":[["operation","x"],3,"x",null],"alerts":{"alert":"x"},"samples":{"rows":7,"columns":"x"})"));
  ASSERT_TRUE(summary) << summary.error().describe();
  EXPECT_TRUE(summary->operations.empty());
  EXPECT_TRUE(summary->alerts.empty());
  EXPECT_THAT(summary->figure("performance.a.b"), IsNan());
}

TEST(ReportSummaryTest, ReferencesCantPassForFigures) {
  const auto summary = read(
      R"({"freightliner_report":1,"source":"a","destination":"b","duration_ms":1,"exit_code":0,"totals":{"tags":1},)"
      R"("references":[{"exit_code":9,"dry_run":true,"performance":{"operations":[{"operation":"x"}]}}]})");
  ASSERT_TRUE(summary) << summary.error().describe();
  EXPECT_EQ(summary->figure("exit_code"), 0);
  EXPECT_EQ(summary->references, 1U);
  EXPECT_FALSE(summary->dry_run);
  EXPECT_TRUE(summary->operations.empty());
}

TEST(ReportSummaryTest, OtherFilesAreRefused) {
  struct Case {
    std::string text;
    std::string_view expected;
  };
  const std::string head(kHead);
  const auto samples = [](std::string_view members) {
    return with_performance(R"("samples":{)" + std::string(members) + "}");
  };
  const Case cases[] = {
      {"", "not JSON at byte 1"},
      {"hello", "not JSON at byte 1"},
      {"[1]", "no JSON object"},
      {"7", "no JSON object"},
      {"{}", "no member \"freightliner_report\""},
      {R"({"freightliner_report":2})", "its format is 2"},
      {R"({"freightliner_report":1,"source":"a","destination":"b"})", "lacks \"source\", \"destination\" or \"ref"},
      {R"({"freightliner_report":1,"source":"a","destination":"b","references":[]})", "lacks \"duration_ms\""},
      {"{" + head.substr(0, head.size() / 2), "not JSON at byte"},
      {"{" + head + "} {}", "not JSON at byte"},
      {"{" + head + "}" + std::string(1, '\0') + "x", "NUL byte"},
      {"{" + head + R"(,"x":)" + std::string(65, '[') + std::string(65, ']') + "}", "nested more than 64 deep"},
      {"{" + head + R"(,"x":")" + std::string(1'100'000, 'x') + "\"}", "a value in it is longer than 1.0 MiB"},
      {"{" + head + R"(,"x":)" + std::string(1'100'000, '1') + "}", "a value in it is longer than 1.0 MiB"},
      {with_performance(R"("retries":-1)"), "performance.retries is negative"},
      {with_performance(R"("retries":1e999)"), "not JSON at byte"},
      {samples(R"("columns":["seconds"],"rows":[[]])"), "rows[0] has 0 numbers"},
      {samples(R"("columns":["seconds","x"],"rows":[[1,2],[3]])"), "rows[1] has 1 numbers"},
      {samples(R"("columns":["seconds","x"],"rows":[[1,"2"]])"), "has 2 columns, and rows of 1"},
      {samples(R"("columns":["seconds"],"rows":[[2],[1]])"), "rows[1] goes back in time"},
      {samples(R"("columns":["seconds"],"rows":[[null]])"), "rows[0] goes back in time"},
      {samples(R"("columns":["seconds"],"rows":[[-1]])"), "rows[0] goes back in time"},
  };
  for (const Case& c : cases) {
    const auto summary = read(c.text);
    ASSERT_FALSE(summary) << c.text.substr(0, 200);
    EXPECT_EQ(summary.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(summary.error().describe(), HasSubstr(c.expected));
    EXPECT_THAT(summary.error().describe(), HasSubstr("is no report of freightliner: "));
  }
}

TEST(ReportSummaryTest, TooManyOfAnythingIsRefused) {
  const auto repeated = [](std::string_view before, std::string_view element, std::size_t count,
                           std::string_view after) {
    std::string text(before);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      text += element;
    }
    return with_performance(text + std::string(after));
  };
  EXPECT_THAT(read(repeated(R"("operations":[)", R"({"operation":"x"})", 1025, "]")).error().describe(),
              HasSubstr("too many operations"));
  EXPECT_THAT(read(repeated(R"("hosts":[)", "{}", 1025, "]")).error().describe(), HasSubstr("too many hosts"));
  EXPECT_THAT(read(repeated(R"("alerts":[)", "{}", 10'001, "]")).error().describe(), HasSubstr("too many alerts"));
  EXPECT_THAT(read(repeated(R"("memory":{"transitions":[)", "{}", 10'001, "]}")).error().describe(),
              HasSubstr("too many transitions"));
  EXPECT_THAT(read(repeated(R"("samples":{"columns":[)", "\"x\"", 65, "]}")).error().describe(),
              HasSubstr("too many columns"));
  std::string figures;
  for (int i = 0; i < 4100; ++i) figures += (i > 0 ? ",\"f" : "\"f") + std::to_string(i) + "\":1";
  EXPECT_THAT(read(with_performance(figures)).error().describe(), HasSubstr("too many figures"));
}

TEST(ReportSummaryTest, FilesThatCantBeRead) {
  const TemporaryDirectory directory;
  EXPECT_EQ(read_report_summary(directory / "none.json").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(read_report_summary(directory.path()).error().code(), ErrorCode::kLocalIo);
}

}  // namespace
}  // namespace freightliner::replicate
