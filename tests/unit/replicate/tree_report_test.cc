#include "freightliner/replicate/tree_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "freightliner/io/hasher.h"
#include "support/cleanups.h"
#include "support/temporary_directory.h"

namespace freightliner::replicate {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ReferenceResult reference(const std::string& repository, const std::string& tag, Outcome outcome, Reason reason) {
  ReferenceResult result;
  result.repository = std::make_shared<const RepositoryPair>(RepositoryPair{repository, "mirror/" + repository});
  result.tag = tag;
  result.outcome = outcome;
  result.reason = reason;
  return result;
}

ReferenceResult failure(const std::string& repository, const std::string& tag) {
  ReferenceResult result = reference(repository, tag, Outcome::kFailed, Reason::kError);
  result.error_class = ErrorCode::kTemporary;
  result.error = "the server answered 503";
  return result;
}

TreeReport small_report() {
  TreeReport report;
  report.source = "src:5000/team";
  report.destination = "dst:5000";
  report.started = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'714'564'800'123));
  report.duration = Duration(2'500);
  report.exit_code = 3;
  report.performance.end.system.peak_rss_bytes = 50 * kMiB;
  report.totals = {.repositories = 3,
                   .repositories_skipped = 1,
                   .tags = 10,
                   .copied = 4,
                   .equal = 2,
                   .kept = 1,
                   .planned = 0,
                   .skipped_by_filter = 2,
                   .failed = 1,
                   .deleted = 5,
                   .missing = 11,
                   .different = 12,
                   .extra = 13,
                   .bytes_copied = 1000,
                   .blobs_copied = 6,
                   .blobs_mounted = 7,
                   .blobs_present = 8,
                   .retries = 9};
  report.patterns = PatternUse{.cache = {.compiled = 21, .reused = 22}, .decisions = {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  report.references.push_back(reference("a/b", "v1", Outcome::kCopied, Reason::kNew));
  report.references.back().digest = io::digest_of("x");
  report.references.back().bytes = 1000;
  report.references.back().duration = Duration(70);
  report.references.push_back(failure("a/b", "v2"));
  return report;
}

std::string text_of(const TreeReport& report) {
  std::string text;
  EXPECT_TRUE(write_report(report, [&](std::string_view piece) {
    text += piece;
    return Status();
  }));
  return text;
}

/// The members of `performance` that a monitor brings.
constexpr std::array kMeasured = {"operations",  "system", "connections", "waits",  "hosts",
                                  "buffer_pool", "memory", "cleanups",    "alerts", "samples"};

TEST(TreeReportTest, HasEveryMember) {
  json document = json::parse(text_of(small_report()));
  for (const char* measured : kMeasured) EXPECT_EQ(document["performance"].erase(measured), 1U) << measured;
  const json expected = {{"freightliner_report", 1},
                         {"source", "src:5000/team"},
                         {"destination", "dst:5000"},
                         {"started", "2024-05-01T12:00:00.123Z"},
                         {"duration_ms", 2500},
                         {"dry_run", false},
                         {"exit_code", 3},
                         {"totals",
                          {{"repositories", 3},
                           {"repositories_skipped", 1},
                           {"tags", 10},
                           {"copied", 4},
                           {"equal", 2},
                           {"kept", 1},
                           {"planned", 0},
                           {"skipped_by_filter", 2},
                           {"failed", 1},
                           {"deleted", 5},
                           {"missing", 11},
                           {"not_begun", 0},
                           {"different", 12},
                           {"extra", 13}}},
                         {"performance",
                          {{"duration_ms", 2500},
                           {"bytes_copied", 1000},
                           {"bytes_per_second", 400},
                           {"tags_per_second", 3.2},
                           {"retries", 9},
                           {"peak_rss_bytes", 50 * kMiB},
                           {"blobs", {{"copied", 6}, {"mounted", 7}, {"present", 8}}},
                           {"patterns",
                            {{"compiled", 21},
                             {"reused", 22},
                             {"decisions",
                              {{"any", 1},
                               {"exact", 2},
                               {"prefix", 3},
                               {"suffix", 4},
                               {"contains", 5},
                               {"glob", 6},
                               {"regex", 7},
                               {"version range", 8},
                               {"none", 9}}}}}}},
                         {"references",
                          {{{"source_repository", "a/b"},
                            {"destination_repository", "mirror/a/b"},
                            {"tag", "v1"},
                            {"outcome", "copied"},
                            {"reason", "new"},
                            {"digest", io::digest_of("x").to_string()},
                            {"bytes", 1000},
                            {"duration_ms", 70},
                            {"error_class", nullptr},
                            {"error", nullptr}},
                           {{"source_repository", "a/b"},
                            {"destination_repository", "mirror/a/b"},
                            {"tag", "v2"},
                            {"outcome", "failed"},
                            {"reason", "error"},
                            {"digest", nullptr},
                            {"bytes", 0},
                            {"duration_ms", 0},
                            {"error_class", "temporary"},
                            {"error", "the server answered 503"}}}}};
  EXPECT_EQ(document, expected) << document.dump(1);
}

TEST(TreeReportTest, TellsOfPatternsOnlyWhereThereAreFilters) {
  TreeReport report = small_report();
  report.patterns.reset();
  EXPECT_FALSE(json::parse(text_of(report))["performance"].contains("patterns"));
}

TEST(TreeReportTest, AnErrorOfTheWholeRun) {
  TreeReport report = small_report();
  report.error = Error(ErrorCode::kSafetyLimit, "20 tags would be deleted").with_context("dst:5000");
  const json document = json::parse(text_of(report));
  EXPECT_EQ(document["error"]["class"], "safety_limit");
  EXPECT_EQ(document["error"]["message"], report.error->describe());
}

TEST(TreeReportTest, OneLinePerReference) {
  const std::string text = text_of(small_report());
  std::istringstream lines(text);
  std::vector<std::string> references;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("{\"source_repository\"")) references.push_back(line);
  }
  ASSERT_EQ(references.size(), 2U);
  EXPECT_TRUE(references[0].ends_with("},"));
  EXPECT_EQ(json::parse(references[1])["tag"], "v2");
  EXPECT_TRUE(text.ends_with("}\n"));
  EXPECT_TRUE(text.starts_with("{\n\"freightliner_report\":1,\n"));
}

TEST(TreeReportTest, NothingToDoInNoTime) {
  const json document = json::parse(text_of(TreeReport()));
  EXPECT_TRUE(document["references"].is_array());
  EXPECT_TRUE(document["references"].empty());
  EXPECT_EQ(document["performance"]["bytes_per_second"], 0);
  EXPECT_EQ(document["performance"]["tags_per_second"], 0.0);
}

TEST(TreeReportTest, TextFromElsewhereIsHarmless) {
  TreeReport report = small_report();
  report.source = "evil\x1b[31m";
  report.references.back().error =
      "bad \xff\xfe bytes\r\n\x1b]0;title\x07 \xe2\x80\xae override " + std::string(100'000, 'x');
  report.references.back().tag = "a\"b\\c\x01";
  report.error = Error(ErrorCode::kProtocol, "\xc2\x9b and \x7f");
  const std::string text = text_of(report);
  EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  EXPECT_LT(text.size(), 20'000U);
  const json document = json::parse(text);
  EXPECT_EQ(document["source"], "evil\\x1b[31m");
  EXPECT_EQ(document["references"][1]["tag"], "a\"b\\c\\x01");
  EXPECT_THAT(document["references"][1]["error"].get<std::string>(), HasSubstr("\\xff\\xfe bytes\\x0d\\x0a"));
}

TEST(TreeReportTest, NamesAreStable) {
  const std::vector<std::pair<Outcome, std::string>> outcomes = {
      {Outcome::kCopied, "copied"},
      {Outcome::kEqual, "equal"},
      {Outcome::kKept, "kept"},
      {Outcome::kFailed, "failed"},
      {Outcome::kDeleted, "deleted"},
      {Outcome::kPlanned, "planned"},
      {Outcome::kMissing, "missing"},
      {Outcome::kPlannedDelete, "planned-delete"},
      {Outcome::kDifferent, "different"},
      {Outcome::kExtra, "extra"},
      {Outcome::kIncomplete, "incomplete"},
  };
  for (const auto& [outcome, name] : outcomes) EXPECT_EQ(to_string(outcome), name);
  const std::vector<std::pair<Reason, std::string>> reasons = {
      {Reason::kNew, "new"},
      {Reason::kChanged, "changed"},
      {Reason::kSameDigest, "same-digest"},
      {Reason::kImmutable, "immutable"},
      {Reason::kCheckpoint, "checkpoint"},
      {Reason::kOverwriteNever, "overwrite-never"},
      {Reason::kExtra, "extra"},
      {Reason::kMissingContent, "missing-content"},
      {Reason::kRecompressed, "recompressed"},
      {Reason::kError, "error"},
  };
  for (const auto& [reason, name] : reasons) EXPECT_EQ(to_string(reason), name);
}

TEST(TreeReportTest, ManyReferencesComeInSmallPieces) {
  TreeReport report = small_report();
  const auto repository = std::make_shared<const RepositoryPair>(RepositoryPair{"a/b", "c/d"});
  report.references.assign(100'000, failure("a/b", "tag"));
  for (ReferenceResult& result : report.references) result.repository = repository;
  std::size_t largest = 0;
  std::size_t total = 0;
  std::size_t pieces = 0;
  EXPECT_TRUE(write_report(report, [&](std::string_view piece) {
    largest = std::max(largest, piece.size());
    total += piece.size();
    ++pieces;
    return Status();
  }));
  EXPECT_GT(total, 10 * kMiB);
  EXPECT_LT(largest, 80 * kKiB);
  EXPECT_LT(pieces, 1000U) << "not a system call for each reference";
}

TEST(TreeReportTest, TheSinksFailureEndsIt) {
  TreeReport report = small_report();
  report.references.assign(10'000, failure("a/b", "tag"));
  int calls = 0;
  const Status written = write_report(report, [&](std::string_view) -> Status {
    return ++calls < 3 ? Status() : Status(fail(ErrorCode::kLocalIo, "the disk is full"));
  });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(), "the disk is full");
  EXPECT_EQ(calls, 3);
}

class ReportFileTest : public ::testing::Test {
 protected:
  Result<FailedReferences> read(std::string_view text) const {
    return read_failed_references(temporary_.write("report.json", text));
  }
  TemporaryDirectory temporary_;
  std::filesystem::path path_ = temporary_ / "report.json";
};

TEST_F(ReportFileTest, RoundTripOfFailures) {
  TreeReport report = small_report();
  report.references.push_back(failure("whole/repository", ""));
  report.references.push_back(reference("a", "gone", Outcome::kFailed, Reason::kExtra));
  report.references.push_back(failure("", "only-there"));
  report.references.push_back(reference("a", "kept", Outcome::kKept, Reason::kOverwriteNever));
  report.error = Error(ErrorCode::kCancelled, "stopped");
  ASSERT_TRUE(save_report(report, path_, test::cleanups()));
  const auto failed = read_failed_references(path_);
  ASSERT_TRUE(failed) << failed.error().describe();
  EXPECT_EQ(failed->source, report.source);
  EXPECT_EQ(failed->destination, report.destination);
  ASSERT_EQ(failed->references.size(), 2U);
  EXPECT_EQ(failed->references[0].repository, (RepositoryPair{"a/b", "mirror/a/b"}));
  EXPECT_EQ(failed->references[0].tag, "v2");
  EXPECT_EQ(failed->references[1].repository.source, "whole/repository");
  EXPECT_EQ(failed->references[1].tag, "");
}

TEST_F(ReportFileTest, ReplacesAnOlderReportAndLeavesNothingElse) {
  temporary_.write("report.json", "old");
  temporary_.write(".report.json.0123456789abcdef.tmp", "half, of a run that was killed");
  ASSERT_TRUE(save_report(small_report(), path_, test::cleanups()));
  EXPECT_EQ(temporary_.read("report.json"), text_of(small_report()));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(temporary_.path()), {}), 1);
}

TEST_F(ReportFileTest, WhereNoFileCanBe) {
  temporary_.write("file", "");
  std::filesystem::create_directory(temporary_ / "directory");
  ASSERT_EQ(mkfifo((temporary_ / "pipe").c_str(), 0600), 0);
  for (const std::filesystem::path& path :
       {temporary_ / "missing" / "report.json", temporary_ / "file" / "report.json", temporary_ / "directory",
        temporary_ / "pipe", std::filesystem::path("/dev/null"), std::filesystem::path("/proc/report.json"),
        std::filesystem::path("")}) {
    const Status saved = save_report(small_report(), path, test::cleanups());
    ASSERT_FALSE(saved) << path;
    EXPECT_EQ(saved.error().code(), ErrorCode::kLocalIo) << path;
  }
  EXPECT_TRUE(std::filesystem::is_fifo(temporary_ / "pipe"));
}

TEST_F(ReportFileTest, AnUnwritableDirectory) {
  if (geteuid() == 0) {
    EXPECT_EQ(save_report(small_report(), "/proc/self/report.json", test::cleanups()).error().code(),
              ErrorCode::kLocalIo);
    return;  // no directory of an ordinary file system is unwritable for root
  }
  std::filesystem::create_directory(temporary_ / "directory");
  std::filesystem::permissions(temporary_ / "directory", std::filesystem::perms::owner_read);
  EXPECT_EQ(save_report(small_report(), temporary_ / "directory" / "report.json", test::cleanups()).error().code(),
            ErrorCode::kLocalIo);
  std::filesystem::permissions(temporary_ / "directory", std::filesystem::perms::owner_all);
}

TEST_F(ReportFileTest, ReadsAnyOrderSpaceAndMembersThatAreNew) {
  const auto failed = read(R"( { "references" : [ {"tag":"v1", "later":{"tag":"x","more":[["y"]]}, "outcome":"failed",
    "destination_repository":"b", "source_repository":"a", "digest":null, "list":["failed", {"tag":"z"}]} ],
    "new": {"source":"x","references":[1,2]}, "numbers":[1,-2,3.5,true,null], "destination":"d", "source":"s",
    "freightliner_report":1 } )");
  ASSERT_TRUE(failed) << failed.error().describe();
  EXPECT_EQ(failed->source, "s");
  EXPECT_EQ(failed->destination, "d");
  ASSERT_EQ(failed->references.size(), 1U);
  EXPECT_EQ(failed->references[0].repository, (RepositoryPair{"a", "b"}));
  EXPECT_EQ(failed->references[0].tag, "v1");
}

TEST_F(ReportFileTest, RefusesWhatIsNoReport) {
  const std::string head = R"({"freightliner_report":1,"source":"s","destination":"d","references":)";
  ASSERT_TRUE(read(head + "[]}"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not JSON"},
      {"nonsense", "not JSON"},
      {"[]", "no JSON object"},
      {"3", "no JSON object"},
      {"\"text\"", "no JSON object"},
      {"null", "no JSON object"},
      {"{}", "freightliner_report"},
      {R"({"freightliner_report":"1"})", "freightliner_report"},
      {R"({"nested":{"freightliner_report":1}})", "freightliner_report"},
      {R"({"freightliner_report":2,"source":"s","destination":"d","references":[]})", "format is 2"},
      {R"({"freightliner_report":1,"source":"s","destination":"d"})", "lacks"},
      {R"({"freightliner_report":1,"source":1,"destination":"d","references":[]})", "lacks"},
      {head + "{}}", "lacks"},
      {head + "[1]}", "references[0] is no object"},
      {head + "[[]]}", "references[0] is no object"},
      {head + R"([{"outcome":"copied"},"x"]})", "references[1] is no object"},
      {head + "[{}]}", "references[0] has no \"outcome\""},
      {head + R"([{"outcome":"failed"}]})", "lacks a name"},
      {head + R"([{"outcome":"failed","source_repository":"a","destination_repository":"b"}]})", "lacks a name"},
      {head + R"([{"outcome":"failed","source_repository":"../a","destination_repository":"b","tag":""}]})",
       "\"../a\""},
      {head + R"([{"outcome":"failed","source_repository":"a","destination_repository":"B\u001b","tag":""}]})",
       "\"B\\x1b\""},
      {head + R"([{"outcome":"failed","source_repository":"a","destination_repository":"b","tag":"-"}]})", "for a tag"},
      {head + "[]", "not JSON"},
      {head + "[]}}", "not JSON"},
      {head + "[\"\xff\"]}", "not JSON"},
      {std::string(100'000, '['), "no JSON object"},
  };
  for (const auto& [text, reason] : cases) {
    const auto failed = read(text);
    ASSERT_FALSE(failed) << text;
    EXPECT_EQ(failed.error().code(), ErrorCode::kUsage) << text;
    EXPECT_THAT(failed.error().message(), HasSubstr(reason)) << text;
  }
}

TEST_F(ReportFileTest, EveryTruncationIsRefused) {
  const std::string text = text_of(small_report());
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    const auto failed = read(text.substr(0, size));
    ASSERT_FALSE(failed) << size;
    EXPECT_EQ(failed.error().code(), ErrorCode::kUsage);
  }
}

TEST_F(ReportFileTest, FilesThatCanNotBeRead) {
  EXPECT_EQ(read_failed_references(temporary_ / "missing").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(read_failed_references(temporary_.path()).error().code(), ErrorCode::kLocalIo);
}

TEST_F(ReportFileTest, ReadsAPipe) {
  const std::filesystem::path pipe = temporary_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::jthread writer([&] { std::ofstream(pipe) << text_of(small_report()); });
  const auto failed = read_failed_references(pipe);
  ASSERT_TRUE(failed) << failed.error().describe();
  EXPECT_THAT(failed->references.size(), 1U);
}

TEST_F(ReportFileTest, HundredThousandReferences) {
  TreeReport report = small_report();
  report.references.assign(100'000, reference("a/b", "v1", Outcome::kEqual, Reason::kSameDigest));
  report.references.back() = failure("z", "last");
  ASSERT_TRUE(save_report(report, path_, test::cleanups()));
  const auto failed = read_failed_references(path_);
  ASSERT_TRUE(failed) << failed.error().describe();
  ASSERT_EQ(failed->references.size(), 1U);
  EXPECT_EQ(failed->references[0].tag, "last");
}

}  // namespace
}  // namespace freightliner::replicate
