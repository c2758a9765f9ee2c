#include "cli/batch_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/arguments.h"

namespace freightliner::cli {
namespace {

using ::testing::HasSubstr;

Settings settings_of(const std::vector<std::string>& flags) {
  const auto arguments = parse_arguments(kCopyCommand, flags);
  return *Settings::resolve(kCopyCommand, *arguments, [](const char*) { return std::optional<std::string>(); });
}

BatchLine read(const std::string& text, const std::vector<std::string>& flags = {}) {
  return read_batch_line({.number = 7, .text = text}, settings_of(flags));
}

TEST(BatchLine, HasAllThatACopyNeeds) {
  const BatchLine line = read(R"({"source":"docker://a.example/b:c","destination":"oci:dir:tag","id":"x","timeout":"1m",
                                  "platform":["linux/arm64","linux/amd64"],"also-tag":"latest","overwrite":"never",
                                  "referrers":true})");
  ASSERT_TRUE(line.order) << line.order.error().describe();
  EXPECT_EQ(line.id, "x");
  EXPECT_EQ(line.number, 7U);
  EXPECT_EQ(line.timeout, Duration(60'000));
  EXPECT_EQ(line.names.source, "docker://a.example/b:c");
  EXPECT_EQ(line.names.destination, "oci:dir:tag");
  EXPECT_EQ(line.order->options.platforms.size(), 2U);
  EXPECT_EQ(line.order->options.also_tags, std::vector<std::string>{"latest"});
  EXPECT_EQ(line.order->options.overwrite, copy::Overwrite::kNever);
  EXPECT_TRUE(line.order->options.referrers);
}

TEST(BatchLine, TakesTheRestFromTheCommandLine) {
  const std::vector<std::string> flags = {"--platform", "linux/arm64", "--overwrite", "always", "--dry-run"};
  const BatchLine plain = read(R"({"source":"a.example/b:c","destination":"a.example/d:e"})", flags);
  ASSERT_TRUE(plain.order) << plain.order.error().describe();
  EXPECT_EQ(plain.id, 7);
  EXPECT_EQ(plain.timeout, Duration(0));
  EXPECT_EQ(plain.order->options.platforms.size(), 1U);
  EXPECT_EQ(plain.order->options.overwrite, copy::Overwrite::kAlways);
  EXPECT_TRUE(plain.order->options.dry_run);
  const BatchLine own =
      read(R"({"source":"a.example/b:c","destination":"a.example/d:e","platform":[],"overwrite":"changed"})", flags);
  ASSERT_TRUE(own.order) << own.order.error().describe();
  EXPECT_TRUE(own.order->options.platforms.empty()) << "an empty list: all platforms";
  EXPECT_EQ(own.order->options.overwrite, copy::Overwrite::kChanged);
}

TEST(BatchLine, TimesAreTextOrSeconds) {
  const auto timeout = [](const std::string& value) {
    return read(R"({"source":"a.example/b","destination":"a.example/c","timeout":)" + value + "}");
  };
  EXPECT_EQ(timeout("90").timeout, Duration(90'000));
  EXPECT_EQ(timeout(R"("500ms")").timeout, Duration(500));
  EXPECT_EQ(timeout("0").timeout, Duration(0));
  for (const std::string bad : {"-1", "1.5", "true", R"("soon")", "null", "[]", R"("9999d")"}) {
    EXPECT_FALSE(timeout(bad).order) << bad;
  }
  EXPECT_THAT(timeout("-1").order.error().message(), HasSubstr("not below 0"));
}

TEST(BatchLine, RefusesWhatItDoesNotKnow) {
  const std::string names = R"("source":"a.example/b:c","destination":"a.example/d:e")";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "empty"},
      {"[]", "no JSON object"},
      {"{}", "\"source\" is missing"},
      {R"({"source":"a.example/b"})", "\"destination\" is missing"},
      {R"({"source":"a.example/b","destination":null})", "destination: must be a string"},
      {"{" + names + R"(,"dry-run":true})", "unknown member \"dry-run\""},
      {"{" + names + R"(,"plattform":"x"})", "did you mean \"platform\"?"},
      {"{" + names + R"(,"id":null})", "id: must be a string or a number"},
      {"{" + names + R"(,"id":"a","id":"b"})", "twice"},
      {"{" + names + R"(,"overwrite":["never"]})", "takes one value"},
      {"{" + names + R"(,"referrers":1})", "referrers: must be a string, or true or false"},
      {"{" + names + R"(,"referrers":"maybe"})", "referrers"},
      {"{" + names + R"(,"platform":[["x"]]})", "platform"},
      {"{" + names + R"(,"also-tag":"-x"})", "is not a tag"},
      {R"({"source":"a.example/b:c","destination":"UPPER/x"})", "DST"},
      {"{" + names + "} x", "not JSON"},
  };
  for (const auto& [text, words] : cases) {
    const BatchLine line = read(text);
    ASSERT_FALSE(line.order) << text;
    EXPECT_EQ(line.order.error().code(), ErrorCode::kUsage) << text;
    EXPECT_THAT(line.order.error().describe(), HasSubstr("line 7: ")) << text;
    EXPECT_THAT(line.order.error().describe(), HasSubstr(words)) << text;
  }
}

TEST(BatchLine, ABadLineKeepsItsId) {
  EXPECT_EQ(read(R"({"id":"mine","source":1})").id, "mine");
  EXPECT_EQ(read(R"({"id":12,"nonsense":1})").id, 12);
  EXPECT_EQ(read("nonsense").id, 7);
}

TEST(BatchLine, PassesOverWhatIsTooLong) {
  const BatchLine line = read_batch_line({.number = 3, .is_too_long = true}, settings_of({}));
  ASSERT_FALSE(line.order);
  EXPECT_THAT(line.order.error().describe(), HasSubstr("longer than 1048576 bytes"));
}

}  // namespace
}  // namespace freightliner::cli
