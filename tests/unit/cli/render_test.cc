#include "cli/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "freightliner/base/bytes.h"

namespace freightliner::cli {
namespace {

using copy::CopyReport;
using copy::PlannedItem;
using ::testing::HasSubstr;

const std::string kDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CopyNames kNames = {.source = "docker://docker.io/library/alpine:3.20", .destination = "oci:out:3.20"};

CopyReport report_of(CopyReport::Status status) {
  return {.status = status,
          .digest = oci::Digest::parse(kDigest).value(),
          .media_type = "application/vnd.oci.image.index.v1+json",
          .blobs_total = 6,
          .blobs_copied = 3,
          .blobs_mounted = 1,
          .blobs_present = 2,
          .manifests_written = 2,
          .tags_written = 1,
          .bytes_copied = 12'897'485,
          .retries = 1,
          .duration = Duration(1234)};
}

TEST(Render, OneLinePerOutcome) {
  EXPECT_EQ(
      render_text(report_of(CopyReport::Status::kCopied), kNames),
      kDigest +
          " copied docker://docker.io/library/alpine:3.20 → oci:out:3.20: 3 blobs copied (12.3 MiB), 1 mounted, 2 "
          "already there, 1.2 s\n");
  EXPECT_EQ(render_text(report_of(CopyReport::Status::kUnchanged), kNames),
            kDigest + " unchanged docker://docker.io/library/alpine:3.20 → oci:out:3.20: already there, 1.2 s\n");
  EXPECT_THAT(
      render_text(report_of(CopyReport::Status::kSkipped), kNames),
      HasSubstr("skipped docker://docker.io/library/alpine:3.20 → oci:out:3.20: the destination names another digest"));
}

TEST(Render, CountsThatAreNothingAreLeftOut) {
  CopyReport report = report_of(CopyReport::Status::kCopied);
  report.blobs_copied = 1;
  report.blobs_mounted = 0;
  report.blobs_present = 0;
  report.blobs_foreign = 2;
  report.referrers = 1;
  EXPECT_THAT(render_text(report, kNames), HasSubstr(": 1 blob copied (12.3 MiB), 2 foreign, 1 referrer, 1.2 s\n"));
}

TEST(Render, ReferrersOfAnUnchangedImageAreTold) {
  CopyReport report = report_of(CopyReport::Status::kUnchanged);
  report.referrers = 2;
  EXPECT_THAT(render_text(report, kNames),
              HasSubstr(": already there; 3 blobs copied (12.3 MiB), 1 mounted, 2 already there, "
                        "2 referrers, 1.2 s\n"));
}

TEST(Render, ADryRunIsATableAndALine) {
  CopyReport report = report_of(CopyReport::Status::kPlanned);
  report.plan = {
      {.kind = PlannedItem::Kind::kBlob,
       .action = PlannedItem::Action::kCopy,
       .name = kDigest,
       .media_type = "",
       .size = 2 * kMiB},
      {.kind = PlannedItem::Kind::kManifest,
       .action = PlannedItem::Action::kWrite,
       .name = kDigest,
       .media_type = "",
       .size = 700},
      {.kind = PlannedItem::Kind::kTag, .action = PlannedItem::Action::kWrite, .name = "3.20\x1b[2J", .media_type = ""},
  };
  EXPECT_EQ(render_text(report, kNames),
            "ACTION     KIND            SIZE  NAME\n"
            "copy       blob         2.0 MiB  " +
                kDigest +
                "\n"
                "write      manifest       700 B  " +
                kDigest +
                "\n"
                "write      tag                -  3.20\\x1b[2J\n" +
                kDigest +
                " planned docker://docker.io/library/alpine:3.20 → oci:out:3.20: 3 blobs to copy (12.3 MiB), 1 to "
                "mount, 2 already there, 1 manifest and 1 tag to write\n");
}

TEST(Render, Recompressed) {
  CopyReport report = report_of(CopyReport::Status::kCopied);
  report.blobs_recompressed = 2;
  report.bytes_recompressed = 20 * kMiB;
  EXPECT_NE(render_text(report, kNames)
                .find("3 blobs copied (12.3 MiB), 2 of them recompressed (20.0 MiB before), 1 mounted"),
            std::string::npos);
  const auto json = nlohmann::json::parse(render_json(report, kNames));
  EXPECT_EQ(json["blobs"]["recompressed"], 2);
  EXPECT_EQ(json["bytes_recompressed"], 20 * kMiB);
  report.status = CopyReport::Status::kPlanned;
  EXPECT_NE(
      render_text(report, kNames).find("3 blobs to copy (12.3 MiB), 2 layers to recompress (20.0 MiB), 1 to mount"),
      std::string::npos);
}

TEST(Render, JsonHasItAll) {
  CopyReport report = report_of(CopyReport::Status::kPlanned);
  report.plan = {{.kind = PlannedItem::Kind::kBlob,
                  .action = PlannedItem::Action::kCopy,
                  .name = kDigest,
                  .media_type = "",
                  .size = 5}};
  const std::string line = render_json(report, kNames);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json, nlohmann::json::parse(R"({
    "status": "planned", "digest": ")" + kDigest +
                                        R"(", "media_type": "application/vnd.oci.image.index.v1+json",
    "source": "docker://docker.io/library/alpine:3.20", "destination": "oci:out:3.20", "bytes": 12897485,
    "bytes_recompressed": 0,
    "blobs": {"total": 6, "copied": 3, "mounted": 1, "present": 2, "foreign": 0, "recompressed": 0},
    "manifests_written": 2, "tags_written": 1, "referrers": 0, "retries": 1, "duration_ms": 1234,
    "plan": [{"kind": "blob", "action": "copy", "name": ")" +
                                        kDigest + R"(", "media_type": "", "size": 5}]})"));
  const auto copied = nlohmann::json::parse(render_json(report_of(CopyReport::Status::kCopied), kNames));
  EXPECT_EQ(copied["status"], "copied");
  EXPECT_FALSE(copied.contains("plan"));
}

TEST(Render, JsonOfAFailure) {
  const Error error = Error(ErrorCode::kDenied, "quota \"x\" \x1b\xff").with_http_status(403).with_context("push");
  const std::string line = render_json(error, 8, kNames);
  for (const char c : line.substr(0, line.size() - 1)) EXPECT_TRUE(c >= 0x20 && c < 0x7F);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["status"], "failed");
  EXPECT_EQ(json["error"]["class"], "denied");
  EXPECT_EQ(json["error"]["message"], "push: quota \"x\" \\x1b\\xff");
  EXPECT_EQ(json["error"]["exit_code"], 8);
  EXPECT_EQ(json["error"]["http_status"], 403);
  EXPECT_EQ(json["source"], kNames.source);
  EXPECT_EQ(json["destination"], kNames.destination);
}

TEST(Render, ExitCodeOfAReport) {
  EXPECT_EQ(exit_code(report_of(CopyReport::Status::kCopied)), 0);
  EXPECT_EQ(exit_code(report_of(CopyReport::Status::kUnchanged)), 0);
  EXPECT_EQ(exit_code(report_of(CopyReport::Status::kPlanned)), 0);
  EXPECT_EQ(exit_code(report_of(CopyReport::Status::kSkipped)), 3);
}

}  // namespace
}  // namespace freightliner::cli
