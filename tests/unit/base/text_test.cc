#include "freightliner/base/text.h"

#include <gtest/gtest.h>

namespace freightliner {
namespace {

using std::string_view_literals::operator""sv;

TEST(TextTest, LowerCaseIsAsciiOnly) {
  EXPECT_EQ(to_lower("AbZ09-_[@`{"), "abz09-_[@`{");
  EXPECT_EQ(to_lower("\xC3\x84"), "\xC3\x84");  // Ä
  EXPECT_EQ(to_lower(""), "");
}

TEST(TextTest, ComparesIgnoringCase) {
  EXPECT_TRUE(equals_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));
}

TEST(TextTest, Trims) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \t\r\n"), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("a"), "a");
}

TEST(TextTest, Splits) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split("a/b/c", '/'), (Parts{"a", "b", "c"}));
  EXPECT_EQ(split("", '/'), (Parts{""}));
  EXPECT_EQ(split("/", '/'), (Parts{"", ""}));
  EXPECT_EQ(split("a//", '/'), (Parts{"a", "", ""}));
}

TEST(PrintableTest, EscapesWhatATerminalWouldObey) {
  struct Row {
    std::string_view text;
    std::string_view shown;
  };
  const Row rows[] = {
      {"plain text", "plain text"},
      {"", ""},
      {"\x1b[31mred", "\\x1b[31mred"},
      {"a\nb\r\tc", "a\\x0ab\\x0d\\x09c"},
      {"nul\0end"sv, "nul\\x00end"},
      {"\x7f", "\\x7f"},
      {"\xC2\x9B"
       "31m",
       "\\x9b31m"},  // C1: CSI
      {"\xE2\x80\xAE"
       "exe.txt",
       "\\u{202e}exe.txt"},                                  // right-to-left override
      {"\xE2\x81\xA6x\xE2\x81\xA9", "\\u{2066}x\\u{2069}"},  // isolates
      {"\xE2\x80\xA8", "\\u{2028}"},                         // line separator
      {"\xEF\xBB\xBF", "\\u{feff}"},                         // byte-order mark
      {"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\x9A", "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x9A\x9A"},
      {"\xC3", "\\xc3"},    // cut short
      {"\xC3(", "\\xc3("},  // no continuation byte
      {"\xFF\xFE", "\\xff\\xfe"},
      {"\xC0\xAF", "\\xc0\\xaf"},                    // overlong "/"
      {"\xE0\x80\xAF", "\\xe0\\x80\\xaf"},           // overlong "/"
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // surrogate
      {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
      {"\x80", "\\x80"},
      {"\xF8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
  };
  for (const Row& row : rows) EXPECT_EQ(printable(row.text), row.shown);
}

TEST(PrintableTest, KeepsToItsLimitAndMarksTheCut) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdef", 5), "abcde…");
  EXPECT_EQ(printable("abcdef", 0), "…");
  EXPECT_EQ(printable("", 0), "");
  EXPECT_EQ(printable("\xF0\x9F\x9A\x9A\xF0\x9F\x9A\x9A", 5), "\xF0\x9F\x9A\x9A…");
  EXPECT_EQ(printable("ab\x1b", 5), "ab…");
  EXPECT_EQ(printable(std::string(100'000, '\x1b')).size(), 512 + std::string_view("…").size());
}

TEST(RedactUrlTest, HidesUserInformationAndQueryValues) {
  struct Row {
    std::string_view url;
    std::string_view shown;
  };
  constexpr Row kRows[] = {
      {"https://host/path", "https://host/path"},
      {"https://user:secret@host/path", "https://***@host/path"},
      {"https://user@host", "https://***@host"},
      {"https://a@b:secret@host:5000/x", "https://***@host:5000/x"},
      {"http://user:se?cr=et@proxy:3128", "http://***@proxy:3128"},
      {"http://user:se#cret@proxy:3128", "http://***@proxy:3128"},
      {"user:secret@proxy:3128", "***@proxy:3128"},
      {"//user:secret@host/x", "//***@host/x"},
      {"https://host/a@b", "https://host/a@b"},
      {"https://host/?sig=secret", "https://host/?sig=***"},
      {"https://host/x?X-Amz-Signature=s&X-Amz-Date=d", "https://host/x?X-Amz-Signature=***&X-Amz-Date=***"},
      {"https://host/x?flag&a=b", "https://host/x?flag&a=***"},
      {"https://host/x?a=b=c&d=", "https://host/x?a=***&d=***"},
      {"https://host/x?a=s#frag", "https://host/x?a=***"},
      {"https://u:p@host/x?next=https://v:q@other/", "https://***@host/x?next=***"},
      {"host/x?next=https://v:q@other/", "host/x?next=***"},
      {"/v2/x/blobs/uploads/?_state=secret", "/v2/x/blobs/uploads/?_state=***"},
      {"", ""},
      {"https://", "https://"},
  };
  for (const Row& row : kRows) EXPECT_EQ(redact_url(row.url), row.shown) << row.url;
}

}  // namespace
}  // namespace freightliner
