#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "freightliner/base/bytes.h"
#include "freightliner/io/hasher.h"
#include "freightliner/replicate/copy_record.h"

namespace freightliner::replicate {
namespace {

using nlohmann::json;

std::string text_of(const TreeReport& report) {
  std::string text;
  EXPECT_TRUE(write_report(report, [&](std::string_view piece) {
    text += piece;
    return Status();
  }));
  return text;
}

TEST(ReportFigures, AreAllThere) {
  using runtime::Operation;
  runtime::PerformanceMonitor monitor;
  monitor.record(Operation::kHead, std::chrono::milliseconds(8), {.bytes = 5, .items = 1});
  monitor.record(Operation::kHead, std::chrono::milliseconds(2), {.failed = true});
  TreeReport report;
  runtime::PerformanceSnapshot& end = report.performance.end;
  end = monitor.snapshot();
  end.system = {.rss_bytes = 1,
                .peak_rss_bytes = 2,
                .heap_bytes = 3,
                .cpu_user_seconds = 0.5,
                .cpu_system_seconds = 0.25,
                .voluntary_context_switches = 4,
                .involuntary_context_switches = 5,
                .threads = 6,
                .open_descriptors = 7};
  end.connections_opened = 8;
  end.requests = 9;
  end.hosts = {{.host = "a:5000", .requests = 10, .throttled = 1, .waits = {2, Duration(1'500)}}};
  end.bandwidth = {3, Duration(250)};
  end.memory.waits = 4;
  end.memory.waited = Duration(2'000);
  end.memory.budget = {64 * kMiB, runtime::BudgetSource::kOption};
  end.memory.transitions.push_back({.time = std::chrono::system_clock::time_point(std::chrono::seconds(1'714'564'800)),
                                    .to = runtime::MemoryLevel::kTight,
                                    .resident_bytes = 11});
  end.buffer_pool.tiers[2] = {.acquired = 12, .hits = 10, .misses = 2};
  end.buffer_pool.oversize = 1;
  end.cleanups = {.registered = 6, .finished = 3, .cleaned = 2, .failed = 1};
  report.performance.alerts = {{.alert = "rss>1B", .value = 2, .message = "too much", .seconds = 0.5}};
  report.performance.series = runtime::SampleSeries(Duration(1'000), 600);
  report.performance.series.close({1.5, 100, 200, 0.75, 3, 4.25});
  const json performance = json::parse(text_of(report))["performance"];

  const json head = performance["operations"][0];
  EXPECT_EQ(performance["operations"].size(), 1U) << "those that took place";
  EXPECT_EQ(head["operation"], "head");
  EXPECT_EQ(head["count"], 2);
  EXPECT_EQ(head["errors"], 1);
  EXPECT_EQ(head["bytes"], 5);
  EXPECT_EQ(head["items"], 1);
  EXPECT_DOUBLE_EQ(head["seconds_total"].get<double>(), 0.01);
  EXPECT_NEAR(head["p50_ms"].get<double>(), 2, 2.0 / 32);
  EXPECT_EQ(head["max_ms"], 8.0);
  EXPECT_EQ(performance["system"], json::parse(R"({"rss_bytes":1,"peak_rss_bytes":2,"heap_bytes":3,
      "cpu_user_seconds":0.5,"cpu_system_seconds":0.25,"threads":6,"open_descriptors":7,
      "voluntary_context_switches":4,"involuntary_context_switches":5})"));
  EXPECT_EQ(performance["connections"], json::parse(R"({"opened":8,"requests":9})"));
  EXPECT_EQ(performance["waits"], json::parse(R"({"rate_limit":{"count":2,"seconds":1.5},
      "bandwidth":{"count":3,"seconds":0.25},"memory":{"count":4,"seconds":2.0}})"));
  EXPECT_EQ(performance["hosts"], json::parse(R"([{"host":"a:5000","requests":10,"throttled":1,
      "waits":{"count":2,"seconds":1.5}}])"));
  EXPECT_EQ(performance["buffer_pool"]["acquired"], 13);
  EXPECT_EQ(performance["buffer_pool"]["tiers"][2],
            json::parse(R"({"size_bytes":16384,"acquired":12,"hits":10,"misses":2})"));
  EXPECT_EQ(performance["memory"]["budget_source"], "--max-memory");
  EXPECT_EQ(performance["memory"]["transitions"], json::parse(R"([{"time":"2024-05-01T12:00:00.000Z",
      "from":"relaxed","to":"tight","resident_bytes":11}])"));
  EXPECT_EQ(performance["cleanups"], json::parse(R"({"registered":6,"finished":3,"cleaned":2,"failed":1})"));
  EXPECT_EQ(performance["alerts"],
            json::parse(R"([{"alert":"rss>1B","value":2.0,"message":"too much","seconds":0.5}])"));
  EXPECT_EQ(performance["samples"], json::parse(R"({"interval_ms":1000,
      "columns":["seconds","bytes_moved","rss_bytes","cpu_seconds","blobs_in_flight","blob_p99_ms"],
      "rows":[[1.5,100,200,0.75,3,4.25]]})"));
}

TEST(ReportFigures, OfOneCopy) {
  const oci::Digest digest = io::digest_of("x");
  const SingleCopy single{.source = "docker://a/x:1",
                          .destination = "oci:d:1",
                          .repository = {"x", "d"},
                          .tag = "1",
                          .started = {},
                          .duration = Duration(5)};
  copy::CopyReport copied{.status = copy::CopyReport::Status::kCopied, .digest = digest, .media_type = {}};
  copied.bytes_copied = 100;
  copied.blobs_copied = 2;
  const TreeReport report = single_report(single, copied);
  EXPECT_EQ(report.totals.tags, 1U);
  EXPECT_EQ(report.totals.copied, 1U);
  EXPECT_EQ(report.totals.bytes_copied, 100U);
  ASSERT_EQ(report.references.size(), 1U);
  EXPECT_EQ(report.references[0].reason, Reason::kNew);
  EXPECT_EQ(report.references[0].digest, digest);
  EXPECT_EQ(report.references[0].duration, Duration(5));
  copied.status = copy::CopyReport::Status::kUnchanged;
  EXPECT_EQ(single_report(single, copied).totals.equal, 1U);
  copied.status = copy::CopyReport::Status::kSkipped;
  EXPECT_EQ(single_report(single, copied).references[0].reason, Reason::kOverwriteNever);
  copied.status = copy::CopyReport::Status::kPlanned;
  copied.previous = digest;
  EXPECT_EQ(single_report(single, copied).references[0].reason, Reason::kChanged);
  const TreeReport failed = single_report(single, fail(ErrorCode::kDenied, "no"));
  EXPECT_EQ(failed.totals.failed, 1U);
  EXPECT_EQ(failed.references[0].error_class, ErrorCode::kDenied);
}

}  // namespace
}  // namespace freightliner::replicate
