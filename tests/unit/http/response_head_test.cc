#include "http/response_head.h"

#include <gtest/gtest.h>

#include "freightliner/base/text.h"

namespace freightliner::http {
namespace {

struct Head {
  Response response{
      .status = 0, .headers = {}, .body = {}, .url = *Url::parse("http://registry.example/"), .remote_address = {}};
  bool complete = false;
};

Head head_of(std::string_view text) {
  Head head;
  while (!text.empty() && !head.complete) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    head.complete = take_head_line(text.substr(0, end), head.response);
    text.remove_prefix(end);
  }
  return head;
}

TEST(ResponseHead, ReadsStatusAndFields) {
  const Head head = head_of("HTTP/1.1 206 Partial\r\nContent-Length:  5 \r\nETag:\r\n\r\n");
  EXPECT_TRUE(head.complete);
  EXPECT_EQ(head.response.status, 206);
  EXPECT_EQ(head.response.headers.find_number("content-length"), 5U);
  EXPECT_EQ(head.response.headers.find("etag"), "");
}

TEST(ResponseHead, AnInterimResponseIsForgotten) {
  const Head head = head_of("HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n");
  EXPECT_TRUE(head.complete);
  EXPECT_EQ(head.response.status, 200);
  EXPECT_FALSE(head.response.headers.find("Content-Length"));
}

TEST(ResponseHead, WhatIsNoFieldIsPassedOver) {
  using namespace std::string_view_literals;
  for (const std::string_view line :
       {"Content-Length : 5\r\n"sv, " Content-Length: 5\r\n"sv, "\tContent-Length: 5\r\n"sv,
        "Content-Length\r: 5\r\n"sv, "Content-Length\0: 5\r\n"sv, ": 5\r\n"sv, "Content-Length\r\n"sv, " \r\n"sv,
        "\xff: 5\r\n"sv}) {
    Head head = head_of("HTTP/1.1 200 OK\r\n");
    EXPECT_FALSE(take_head_line(line, head.response)) << printable(line);
    EXPECT_TRUE(head.response.headers.empty()) << printable(line);
  }
}

TEST(ResponseHead, AValueIsOfOneLine) {
  using namespace std::string_view_literals;
  const Head head = head_of("HTTP/1.1 200 OK\r\nLocation: /a\rX: b\0c\0\r\n\r\n"sv);
  EXPECT_EQ(head.response.headers.find("Location"), "/a X: b c");
}

TEST(PlainBodyLength, OnlyWhereNothingIsInDoubt) {
  const auto length = [](std::string_view fields, std::int64_t declared, std::uint64_t received = 0) {
    return plain_body_length(head_of("HTTP/1.1 200 OK\r\n" + std::string(fields)).response.headers, declared, received);
  };
  EXPECT_EQ(length("Content-Length: 100\r\n", 100), 100U);
  EXPECT_EQ(length("Content-Length: 100\r\n", 100, 99), 100U);
  EXPECT_FALSE(length("Content-Length: 100\r\n", 100, 100));
  EXPECT_FALSE(length("Content-Length: 100\r\n", 100, 101));
  EXPECT_FALSE(length("Content-Length: 100\r\n", 5));
  EXPECT_FALSE(length("Content-Length: 100\r\n", -1));
  EXPECT_FALSE(length("Content-Length: 100\r\nContent-Length: 5\r\n", 5));
  EXPECT_FALSE(length("Content-Length: 100, 100\r\n", 100));
  EXPECT_FALSE(length("Content-Length: +100\r\n", 100));
  EXPECT_FALSE(length("Content-Length: 100\r\nTransfer-Encoding: chunked\r\n", 100));
  EXPECT_FALSE(length("", 100));
}

}  // namespace
}  // namespace freightliner::http
