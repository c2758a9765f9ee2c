#include "freightliner/oci/json.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace freightliner::oci {
namespace {

using std::string_literals::operator""s;

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  result.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST(JsonTest, BuildsTheTreeThatTheTextSays) {
  constexpr std::string_view kText =
      R"( {"null":null,"t":true,"f":false,"int":-3,"big":18446744073709551615,"float":1.5,"text":"a\u00e9\ud83d\ude9a\n",)"
      R"("list":[1,[2,[]],{"a":{}},"x"],"empty":"","":0} )";
  const auto json = parse_json(kText, "test");
  ASSERT_TRUE(json) << json.error().describe();
  EXPECT_EQ(*json, Json::parse(kText));
  EXPECT_EQ((*json)["text"], "a\xC3\xA9\xF0\x9F\x9A\x9A\n");
  EXPECT_TRUE((*json)["big"].is_number_unsigned());
  EXPECT_TRUE((*json)["float"].is_number_float());
}

TEST(JsonTest, AnyValueIsADocument) {
  for (const std::string_view text : {"null", "true", "0", "-0", "1e3", "\"\"", "[]", "{}", "\t[ ]\r\n",
                                      R"({"a":{"x":1},"b":{"x":1}})", R"([{"x":1},{"x":1}])", R"("\u0000")"}) {
    const auto json = parse_json(text, "test");
    ASSERT_TRUE(json) << text << ": " << json.error().describe();
    EXPECT_EQ(*json, Json::parse(text)) << text;
  }
}

TEST(JsonTest, GivesTheElementsOfOneArrayAwayOneByOne) {
  constexpr std::string_view kText = R"({"a":[{"m":[1]}],"m":[{"x":[1,{}]},2,[3,"m"],null,[]],"z":{"m":[9]}})";
  std::vector<Json> taken;
  const auto take = [&](Json&& element) -> Status {
    taken.push_back(std::move(element));
    return {};
  };
  const auto json = parse_json(kText, "test", {}, {"m", take});
  ASSERT_TRUE(json) << json.error().describe();
  EXPECT_EQ(*json, Json::parse(R"({"a":[{"m":[1]}],"m":[],"z":{"m":[9]}})"));
  EXPECT_EQ(Json(taken), Json::parse(R"([{"x":[1,{}]},2,[3,"m"],null,[]])"));

  for (const std::string_view text : {R"({"m":{"m":[1]}})", R"({"m":1})", R"([{"m":[1]}])", R"({})"}) {
    taken.clear();
    const auto other = parse_json(text, "test", {}, {"m", take});
    ASSERT_TRUE(other) << text;
    EXPECT_EQ(*other, Json::parse(text)) << "what is no array of the document's object stays";
    EXPECT_TRUE(taken.empty()) << text;
  }
}

TEST(JsonTest, AnElementThatIsRefusedEndsTheParsing) {
  int asked = 0;
  const auto refuse = [&](Json&& element) -> Status {
    ++asked;
    if (element == 2) return fail(ErrorCode::kIntegrity, "two");
    return {};
  };
  const auto json = parse_json(R"({"m":[1,2,3]})", "test", {}, {"m", refuse});
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code(), ErrorCode::kIntegrity);
  EXPECT_EQ(asked, 2);
  const auto too_many = parse_json(R"({"m":[1,1,1,1]})", "test", {.max_values = 4}, {"m", refuse});
  ASSERT_FALSE(too_many) << "elements that were taken count";
  EXPECT_EQ(too_many.error().code(), ErrorCode::kProtocol);
}

struct BadRow {
  std::string text;
  std::string_view reason;
};

void expect_refused(const BadRow& row) {
  const auto json = parse_json(row.text, "the test");
  ASSERT_FALSE(json) << row.text;
  const std::string& message = json.error().message();
  EXPECT_EQ(json.error().code(), ErrorCode::kProtocol) << row.text;
  EXPECT_TRUE(message.starts_with("the test: ")) << message;
  EXPECT_NE(message.find(row.reason), std::string::npos) << row.text << ": " << message;
  EXPECT_EQ(message.find_first_of("\n\x1b"), std::string::npos) << message;
  EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
}

TEST(JsonTest, RefusesWhatIsNotOneDocument) {
  const BadRow rows[] = {
      {"", "empty"},
      {" \n", "empty"},
      {"<html><body>Sign in</body></html>", "the answer is HTML, not JSON (a proxy or a login page?)"},
      {"\r\n  <!DOCTYPE html>", "the answer is HTML"},
      {"\xEF\xBB\xBF{}", "byte-order mark"},
      {"\xFF\xFE{\0}\0"s, "NUL byte"},
      {"{}x", "not JSON at byte 3"},
      {"{} {}", "not JSON at byte 4"},
      {"{}\0"s, "NUL byte"},
      {"{}\0{\"manifests\":[]}"s, "NUL byte"},
  };
  for (const BadRow& row : rows) expect_refused(row);
}

TEST(JsonTest, RefusesBadSyntax) {
  const BadRow rows[] = {
      {"[1,]", "not JSON"},
      {"[1 2]", "not JSON"},
      {"{\"a\"}", "not JSON"},
      {"{a:1}", "not JSON"},
      {"{'a':1}", "not JSON"},
      {"{\"a\":1,}", "not JSON"},
      {"{1:2}", "not JSON"},
      {"[", "not JSON"},
      {"]", "not JSON"},
      {"{\"a\":[}", "not JSON"},
      {"\"abc", "not JSON"},
      {"nul", "not JSON"},
      {"NaN", "not JSON"},
      {"Infinity", "not JSON"},
      {"01", "not JSON"},
      {"+1", "not JSON"},
      {".5", "not JSON"},
      {"1.", "not JSON"},
      {"0x10", "not JSON"},
      {"1e999", "not JSON"},
      {"/* x */ {}", "not JSON"},
      {"// x\n{}", "not JSON"},
      {"[\"a\nb\"]", "not JSON"},
      {"[\"\\x41\"]", "not JSON"},
      {"[\"\\ud800\"]", "not JSON"},
      {"[\"\\udc00\\ud800\"]", "not JSON"},
      {"[\"\xFF\"]", "not JSON"},
      {"[\"\xC0\xAF\"]", "not JSON"},
      {"[\"\xED\xA0\x80\"]", "not JSON"},
      {"[\"\xC3\"]", "not JSON"},
      {"{\"\xFF\":1}", "not JSON"},
      {"\xC2\xA0{}", "not JSON"},
      {"\x1b[31m", "not JSON"},
      {"\x1f\x8b\x08", "not JSON"},
  };
  for (const BadRow& row : rows) expect_refused(row);
}

// CVE-2021-41190: of two members with one name, readers take different ones.
TEST(JsonTest, RefusesDuplicateKeys) {
  const BadRow rows[] = {
      {R"({"a":1,"a":2})", "the key \"a\" stands twice in one object"},
      {R"({"a":1,"\u0061":2})", "the key \"a\" stands twice"},
      {R"({"x":{"a":1,"b":[],"a":1}})", "the key \"a\" stands twice"},
      {R"([{"":1,"":1}])", "the key \"\" stands twice"},
      {"{\"\\u001b\":1,\"\\u001b\":2}", "the key \"\\x1b\" stands twice"},
  };
  for (const BadRow& row : rows) expect_refused(row);
}

TEST(JsonTest, DepthIsBounded) {
  EXPECT_TRUE(parse_json(repeated("[", 64) + repeated("]", 64), "test"));
  EXPECT_TRUE(parse_json(repeated("{\"a\":", 63) + "{}" + repeated("}", 63), "test"));
  for (const std::string& text : {
           repeated("[", 65) + repeated("]", 65),
           repeated("{\"a\":", 64) + "{}" + repeated("}", 64),
           repeated("[{\"a\":", 50),
           repeated("[", 100'000),
           repeated("[", 100'000) + repeated("]", 100'000),
           repeated("{\"a\":", 100'000),
       }) {
    const auto json = parse_json(text, "test");
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().message(), "test: nested more than 64 deep, the limit");
  }
  EXPECT_FALSE(parse_json("[[]]", "test", {.max_depth = 1}));
  EXPECT_FALSE(parse_json("[]", "test", {.max_depth = 0}));
  EXPECT_TRUE(parse_json("1", "test", {.max_depth = 0}));
}

TEST(JsonTest, SizeIsBounded) {
  constexpr std::size_t kLimit = std::size_t{4} * 1024 * 1024;
  struct Row {
    std::size_t size;
    bool good;
  };
  for (const Row& row : {Row{kLimit - 1, true}, Row{kLimit, true}, Row{kLimit + 1, false}}) {
    const auto json = parse_json('"' + std::string(row.size - 2, 'a') + '"', "test");
    EXPECT_EQ(json.has_value(), row.good) << row.size;
  }
  const auto json = parse_json("[1,2]", "test", {.max_bytes = 4});
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().message(), "test: 5 bytes, more than the limit of 4");
}

TEST(JsonTest, NumberOfValuesIsBounded) {
  const JsonLimits limits{.max_values = 4};
  EXPECT_TRUE(parse_json("[1,2,3]", "test", limits));
  EXPECT_TRUE(parse_json(R"({"a":1,"b":[2]})", "test", limits));
  for (const std::string_view text : {"[1,2,3,4]", "[[],[],[],[]]", R"({"a":1,"b":[2,3]})", "[{},{},{},{}]"}) {
    const auto json = parse_json(text, "test", limits);
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().message(), "test: more than 4 values, the limit");
  }
  EXPECT_FALSE(parse_json('[' + repeated("{},", 1'000'000) + "{}]", "test"));
}

TEST(JsonTest, NumberOfMembersIsBounded) {
  const auto object = [](int members) {
    std::string text = "{";
    for (int i = 0; i < members; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_TRUE(parse_json(object(10'000), "test"));
  const auto json = parse_json(object(10'001), "test");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().message(), "test: more than 10000 members in one object, the limit");
  EXPECT_TRUE(parse_json("[" + object(4) + "," + object(4) + "]", "test", {.max_members = 4}));
}

/// What the process may have taken at most so far, in KiB.
long peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(JsonTest, WhatLiesBeyondTheLimitsCostsNoMemory) {
  constexpr std::size_t kLong = std::size_t{64} * 1024 * 1024;
  constexpr long kAllowed = 16L * 1024;
  for (const std::string_view part : {"[", "{\"a\":", "[0],", "{},", "\"", "0"}) {
    const std::string block = repeated(part, 4'096);
    const std::string text = "[" + repeated(block, kLong / block.size());
    const long before = peak_memory();
    EXPECT_FALSE(parse_json(text, "test"));
    // Also where the size is allowed, the depth and the number of values end it.
    const bool is_one_value = part == "\"" || part == "0";
    if (!is_one_value) {
      EXPECT_FALSE(parse_json(text, "test", {.max_bytes = 2 * kLong, .max_values = 1'000}));
    }
    EXPECT_LT(peak_memory() - before, kAllowed) << part;
  }
}

}  // namespace
}  // namespace freightliner::oci
