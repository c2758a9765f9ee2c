#include "cli/tree_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

const std::chrono::system_clock::time_point kNow{std::chrono::hours(24 * 365 * 50)};

Result<TreeRequest> request_of(const Words& words) {
  const EnvironmentLookup environment = environment_of({});
  FL_TRY(const Arguments arguments, parse_arguments(kReplicateTreeCommand, words));
  FL_TRY(const Settings settings, Settings::resolve(kReplicateTreeCommand, arguments, environment));
  replicate::PatternCache patterns;
  return make_tree_request({kReplicateTreeCommand, settings, arguments.operands, environment, -1}, patterns, kNow);
}

TEST(TreeRequest, DefaultsOfAPlainReplication) {
  const auto request = request_of({"reg.example/team", "localhost:5000"});
  ASSERT_TRUE(request) << request.error().describe();
  EXPECT_EQ(request->source.to_string(), "reg.example/team");
  EXPECT_EQ(request->destination.to_string(), "localhost:5000");
  EXPECT_FALSE(request->options.delete_extra);
  EXPECT_EQ(request->options.max_deletes.of(100), 10U);
  EXPECT_EQ(request->jobs_per_host, 64U);
  EXPECT_EQ(request->checkpoint_ttl, std::chrono::minutes(30));
  EXPECT_TRUE(request->monitor.report.empty());
  EXPECT_EQ(*request->options.selection.map.destination_of("team/app"), "app");
}

TEST(TreeRequest, BadInputIsFoundBeforeAnyTraffic) {
  struct Case {
    Words words;
    std::string message;
  };
  for (const Case& c : {
           Case{{"reg.example"}, "only one was given"},
           Case{{"reg.example", "reg.example"}, "the same place"},
           Case{{"reg.example/team", "REG.example:443/team"}, "the same place"},
           Case{{"oci-tree:none-yet", "oci-tree:./none-yet/"}, "the same place"},
           Case{{"oci-tree:none-yet", "oci-tree:none-yet/team"}, "inside SRC"},
           Case{{"oci-tree:.", "oci-tree:none-yet"}, "inside SRC"},
           Case{{"alpine:latest", "reg.example"}, "SRC"},
           Case{{"--include-tag", "v[", "a.example", "b.example"}, "--include-tag: pattern \"v[\""},
           Case{{"--exclude-repo", "v[", "a.example", "b.example"}, "--exclude-repo: pattern \"v[\""},
           Case{{"--immutable-tag", "v[", "a.example", "b.example"}, "--immutable-tag: pattern \"v[\""},
           Case{{"--include-tag", "semver:what", "a.example", "b.example"}, "semver"},
           Case{{"--latest", "0", "a.example", "b.example"}, "--latest"},
           Case{{"--latest-by", "created", "a.example", "b.example"}, "--latest"},
           Case{{"--newer-than", "yesterday", "a.example", "b.example"}, "yesterday"},
           Case{{"--max-deletes", "101%", "a.example", "b.example"}, "101%"},
           Case{{"--map", "nothing", "a.example", "b.example"}, "--map: \"nothing\": it has no"},
           Case{{"--report", "/dev/null", "a.example", "b.example"}, "--report: /dev/null is not a regular file"},
           Case{{"--report", "/no/such/directory/report.json", "a.example", "b.example"}, "there is no directory"},
           Case{{"--checkpoint", "/no/such/directory/journal", "a.example", "b.example"},
                "--checkpoint: there is no directory"},
           Case{{"--report", "run", "--metrics-file", "./run", "a.example", "b.example"},
                "--metrics-file: ./run is the file of --report, too"},
           Case{{"--report", "run", "--checkpoint", "run", "a.example", "b.example"},
                "--report: run is the file of --checkpoint, too"},
           Case{{"--lock", "run", "--checkpoint", "run", "a.example", "b.example"},
                "--checkpoint: run is the file of --lock, too"},
           Case{{"--lock", "run", "--report", "./run", "a.example", "b.example"},
                "--report: ./run is the file of --lock, too"},
           Case{{"--report", "tree/team/app/index.json", "a.example", "oci-tree:tree"},
                "--report: tree/team/app/index.json belongs to oci-tree:tree: name another"},
           Case{{"--checkpoint", "./tree/_blobs/sha256/journal", "oci-tree:tree", "b.example"}, "--checkpoint: "},
           Case{{"--lock", "tree/app/.freightliner.lock", "oci-tree:tree/", "b.example"}, "--lock: "},
           Case{{"--retry-failed-from", "/no/such/report.json", "a.example", "b.example"}, "/no/such/report.json"},
           Case{{"--requests-per-second", "a.example", "a.example", "b.example"}, "HOST[:PORT]=N"},
           Case{{"--bandwidth-limit", "12", "a.example", "b.example"}, "at least 1KiB"},
           Case{{"--recompress", "zstd:x", "a.example", "b.example"}, "--recompress: \"x\" is no level"},
           Case{{"--recompress", "zstd", "--referrers", "a.example", "b.example"}, "--allow-digest-change"},
           Case{{"--recompress", "zstd", "--referrers", "--allow-digest-change", "--delete-extra", "a.example",
                 "b.example"},
                "--delete-extra: "},
           Case{{"--max-memory", "1MiB", "a.example", "b.example"}, "too little"},
       }) {
    const auto request = request_of(c.words);
    ASSERT_FALSE(request) << c.message;
    EXPECT_THAT(request.error().describe(), HasSubstr(c.message));
  }
}

TEST(TreeRequest, PaceByRegistry) {
  const auto request =
      request_of({"--requests-per-second", "A.example:5000=2.5", "--bandwidth-limit", "10MiB", "--bandwidth-limit",
                  "b.example=1MiB", "--max-memory", "26MiB", "--jobs", "64", "a.example:5000", "b.example"});
  ASSERT_TRUE(request) << request.error().describe();
  EXPECT_EQ(request->requests_per_second.at("a.example:5000"), 2.5);
  EXPECT_EQ(request->bandwidth, 10U * 1024 * 1024);
  EXPECT_EQ(request->bandwidth_by_host.at("b.example"), 1024U * 1024);
  EXPECT_EQ(request->max_memory, 26U * 1024 * 1024);
  EXPECT_EQ(request->jobs, 64U);
}

TEST(ParseNewerThan, DatesAndAges) {
  EXPECT_EQ(*parse_newer_than("1970-01-02", kNow), std::chrono::system_clock::time_point(std::chrono::hours(24)));
  EXPECT_EQ(*parse_newer_than("2h", kNow), kNow - std::chrono::hours(2));
  for (const std::string text : {"", "30", "soon", "2026-02-30", "-1d"}) {
    EXPECT_FALSE(parse_newer_than(text, kNow)) << text;
  }
}

TEST(ParseDeleteLimit, NumbersAndShares) {
  struct Case {
    std::string text;
    std::uint64_t of_95;
  };
  for (const Case& c : {Case{"0", 0}, Case{"7", 7}, Case{"10%", 9}, Case{"1%", 1}, Case{"0%", 0}, Case{"100%", 95}}) {
    const auto limit = parse_delete_limit(c.text);
    ASSERT_TRUE(limit) << c.text;
    EXPECT_EQ(limit->of(95), c.of_95) << c.text;
  }
  for (const std::string text : {"", "%", "-1", "101%", "many", "5 %"}) EXPECT_FALSE(parse_delete_limit(text)) << text;
}

}  // namespace
}  // namespace freightliner::cli
