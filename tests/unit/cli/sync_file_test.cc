#include "cli/sync_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/cli_fixture.h"

namespace freightliner::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<SyncFile> parse(const std::string& text) {
  return parse_sync_file(text, "jobs.yaml", environment_of({{"SECRET", "pass word"}, {"HOST", "reg.example"}}));
}

TEST(SyncFile, JobsTakeTheDefaultsThatTheyDoNotSet) {
  const auto file = parse(R"(version: 1
defaults:
  jobs: 4
  include-tag: ["v*"]
jobs:
  - name: one
    source: ${HOST}/team
    destination: mirror.example
    include-tag: ["1.*", "a$$b"]
    src-username: me
    src-password: ${SECRET}
  - name: two
    source: a.example
    destination: oci-tree:/backup
)");
  ASSERT_TRUE(file) << file.error().describe();
  ASSERT_EQ(file->jobs.size(), 2U);
  const auto values_of = [](const SyncJob& job, const std::string& name) {
    for (const ConfigEntry& entry : job.entries) {
      if (entry.name == name) return entry.values;
    }
    return std::vector<std::string>();
  };
  EXPECT_EQ(file->jobs[0].source, "reg.example/team");
  EXPECT_THAT(values_of(file->jobs[0], "include-tag"), ElementsAre("1.*", "a$b"));
  EXPECT_THAT(values_of(file->jobs[0], "src-password"), ElementsAre("pass word"));
  EXPECT_THAT(values_of(file->jobs[0], "jobs"), ElementsAre("4"));
  EXPECT_THAT(values_of(file->jobs[1], "include-tag"), ElementsAre("v*"));
}

TEST(SyncFile, ErrorsNameTheLine) {
  const std::string job = "jobs:\n  - name: a\n    source: a.example\n    destination: b.example\n";
  struct Case {
    std::string text;
    std::string message;
  };
  for (const Case& c : {
           Case{"", "must be a mapping"},
           Case{"jobs: []\n", "jobs.yaml:1: \"jobs\" must be a list"},
           Case{"version: 2\n" + job, "jobs.yaml:1: this freightliner reads version 1"},
           Case{job + "extra: 1\n", "jobs.yaml:5: unknown key \"extra\""},
           Case{job + "jobs: []\n", "jobs.yaml:5: \"jobs\" is there twice"},
           Case{job + "    include-tags: x\n",
                "jobs.yaml:5: unknown key \"include-tags\"; did you mean \"include-tag\"?"},
           Case{job + "    latest: 1\n    latest: 2\n", "jobs.yaml:6: \"latest\" is there twice"},
           Case{job + "    latest: many\n", "jobs.yaml:5: latest: \"many\" is not a whole number"},
           Case{job + "    output: json\n", "jobs.yaml:5: \"output\" is of the run as a whole"},
           Case{job + "    also-tag: x\n", "jobs.yaml:5: unknown key \"also-tag\""},
           Case{job + "    src-password: hunter2\n", "a password does not stand in the file"},
           Case{job + "    src-password: x${SECRET}\n", "a password does not stand in the file"},
           Case{job + "    src-username: ${NOBODY}\n", "the environment variable NOBODY is not set"},
           Case{job + "    src-username: ${SECRET\n", "does not end"},
           Case{job + "  - name: a\n    source: a.example\n    destination: b.example\n", "two jobs \"a\""},
           Case{"jobs:\n  - name: a\n    source: a.example\n", "jobs.yaml:2: a job needs \"destination\""},
           Case{"jobs: [\n", "jobs.yaml:"},
       }) {
    const auto file = parse(c.text);
    ASSERT_FALSE(file) << c.message;
    EXPECT_EQ(file.error().code(), ErrorCode::kUsage);
    EXPECT_THAT(file.error().describe(), HasSubstr(c.message));
    EXPECT_THAT(file.error().describe(), ::testing::Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace freightliner::cli
