#include "freightliner/oci/reference.h"

#include <gtest/gtest.h>

namespace freightliner::oci {
namespace {

using std::string_literals::operator""s;

const std::string kHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kSha256 = "sha256:" + kHex;
const std::string kSha512 = "sha512:" + kHex + kHex;

struct GoodRow {
  std::string text;
  std::string registry;
  std::string repository;
  std::string tag;
  std::string digest = {};
};

TEST(ReferenceTest, ParsesAndNormalises) {
  const GoodRow rows[] = {
      {"alpine", "docker.io", "library/alpine", "latest"},
      {"alpine:3.20", "docker.io", "library/alpine", "3.20"},
      {"alpine@" + kSha256, "docker.io", "library/alpine", "", kSha256},
      {"alpine:3@" + kSha256, "docker.io", "library/alpine", "3", kSha256},
      {"alpine:3@" + kSha512, "docker.io", "library/alpine", "3", kSha512},
      {"library/alpine", "docker.io", "library/alpine", "latest"},
      {"docker.io/alpine", "docker.io", "library/alpine", "latest"},
      {"Docker.IO/alpine", "docker.io", "library/alpine", "latest"},
      {"index.docker.io/alpine", "docker.io", "library/alpine", "latest"},
      {"index.docker.io/library/alpine:1", "docker.io", "library/alpine", "1"},
      {"docker.io/user/app", "docker.io", "user/app", "latest"},
      {"user/app", "docker.io", "user/app", "latest"},
      {"user/app/deep/er", "docker.io", "user/app/deep/er", "latest"},
      {"registry-1.docker.io/alpine", "registry-1.docker.io", "alpine", "latest"},
      {"localhost/app", "localhost", "app", "latest"},
      {"LocalHost/app", "localhost", "app", "latest"},
      {"localhost:5000/app", "localhost:5000", "app", "latest"},
      {"localhost:5000", "docker.io", "library/localhost", "5000"},
      {"host:5000/app:tag", "host:5000", "app", "tag"},
      {"host.example/app:tag", "host.example", "app", "tag"},
      {"HOST.Example:5000/app:Tag", "host.example:5000", "app", "Tag"},
      {"host.example:65535/a/b/c:1", "host.example:65535", "a/b/c", "1"},
      {"1.2.3.4/app", "1.2.3.4", "app", "latest"},
      {"127.0.0.1:5000/app@" + kSha256, "127.0.0.1:5000", "app", "", kSha256},
      {"[::1]/repo", "[::1]", "repo", "latest"},
      {"[::1]:5000/repo:tag", "[::1]:5000", "repo", "tag"},
      {"[2001:DB8::1]:5000/repo/x:t@" + kSha256, "[2001:db8::1]:5000", "repo/x", "t", kSha256},
      {"xn--nxasmq6b.example/app", "xn--nxasmq6b.example", "app", "latest"},
      {"a-b.c-d.example/app", "a-b.c-d.example", "app", "latest"},
      {"my-host/app", "docker.io", "my-host/app", "latest"},
      {"a/b.c", "docker.io", "a/b.c", "latest"},
      {"a/b_c", "docker.io", "a/b_c", "latest"},
      {"a/b__c", "docker.io", "a/b__c", "latest"},
      {"a/b----c", "docker.io", "a/b----c", "latest"},
      {"a/0", "docker.io", "a/0", "latest"},
      {"a:_", "docker.io", "library/a", "_"},
      {"a:" + std::string(128, 'x'), "docker.io", "library/a", std::string(128, 'x')},
      {"a:sha256-" + kHex + ".sig", "docker.io", "library/a", "sha256-" + kHex + ".sig"},
      {kHex + ":tag", "docker.io", "library/" + kHex, "tag"},
      {"docker.io/" + kHex, "docker.io", "library/" + kHex, "latest"},
      {"host.example/" + kHex, "host.example", kHex, "latest"},
      {"host.example/" + std::string(255, 'a'), "host.example", std::string(255, 'a'), "latest"},
      {std::string(247, 'a'), "docker.io", "library/" + std::string(247, 'a'), "latest"},
  };
  for (const GoodRow& row : rows) {
    const auto reference = Reference::parse(row.text);
    ASSERT_TRUE(reference) << reference.error().describe();
    EXPECT_EQ(reference->registry, row.registry) << row.text;
    EXPECT_EQ(reference->repository, row.repository) << row.text;
    EXPECT_EQ(reference->tag, row.tag) << row.text;
    EXPECT_EQ(reference->digest ? reference->digest->to_string() : "", row.digest) << row.text;
    EXPECT_EQ(reference->tag_or_digest(), row.digest.empty() ? row.tag : row.digest) << row.text;
    const auto again = Reference::parse(reference->to_string());
    ASSERT_TRUE(again) << reference->to_string();
    EXPECT_EQ(again->to_string(), reference->to_string());
  }
}

TEST(ReferenceTest, RemembersThatTheTagWasPutIn) {
  EXPECT_TRUE(Reference::parse("alpine")->tag_defaulted);
  EXPECT_FALSE(Reference::parse("alpine:latest")->tag_defaulted);
  EXPECT_FALSE(Reference::parse("alpine@" + kSha256)->tag_defaulted);
  EXPECT_EQ(Reference::parse("alpine:3@" + kSha256)->to_string(), "docker.io/library/alpine:3@" + kSha256);
}

TEST(ReferenceTest, UpperCaseNamesItsPosition) {
  EXPECT_EQ(Reference::parse("Foo/bar").error().message(),
            "\"Foo/bar\": position 1: upper-case letter in the repository name; repository names are lower case");
}

struct BadRow {
  std::string text;
  std::size_t position;
  std::string_view reason;
};

void expect_refused(const BadRow& row, const Error& error) {
  const std::string& message = error.message();
  EXPECT_EQ(error.code(), ErrorCode::kUsage) << row.text;
  EXPECT_NE(message.find("\": position " + std::to_string(row.position) + ": "), std::string::npos) << message;
  EXPECT_NE(message.find(row.reason), std::string::npos) << message;
  EXPECT_EQ(message.find_first_of("\n\r\x1b"), std::string::npos) << message;
  EXPECT_EQ(message.find('\0'), std::string::npos) << message;
}

TEST(ReferenceTest, RefusesNames) {
  const BadRow rows[] = {
      {"", 1, "the reference is empty"},
      {" ", 1, "can't stand in a repository name"},
      {" alpine", 1, "\" \" can't stand"},
      {"alpine ", 7, "\" \" can't stand"},
      {"alpine\n", 7, "can't stand"},
      {"al\0pine"s, 3, "\"\\x00\" can't stand"},
      {"\x1b[31m", 1, "\"\\x1b\" can't stand"},
      {"caf\xC3\xA9", 4, "can't stand in a repository name"},
      {"Alpine", 1, "upper-case letter in the repository name"},
      {"a/Alpine", 3, "upper-case letter"},
      {"a/b-C", 5, "upper-case letter"},
      {"host.example/a/bC:tag", 17, "upper-case letter"},
      {"MYHOST/app", 1, "upper-case letter"},
      {"/alpine", 1, "empty component"},
      {"alpine/", 8, "empty component"},
      {"a//b", 3, "empty component"},
      {"/", 1, "empty component"},
      {"host.example/", 14, "empty component"},
      {"host.example//a", 14, "empty component"},
      {"host.example:5000/:tag", 19, "empty component"},
      {"-a", 1, "must stand between letters or digits"},
      {"a-", 2, "must stand between"},
      {".a", 1, "must stand between"},
      {"a.", 2, "must stand between"},
      {"_a", 1, "must stand between"},
      {"a/b_", 4, "must stand between"},
      {"a/.-b", 3, "must stand between"},
      {"a/b.-c", 4, "must stand between"},
      {"a/b-.c", 4, "must stand between"},
      {"a/b..c", 4, "\"..\" can't separate"},
      {"a/b___c", 4, "\"___\" can't separate"},
      {"a/../b", 3, "\"..\" can't separate"},
      {"../../etc", 1, "empty label in the host name"},
      {"a/b%2fc", 4, "\"%\" can't stand"},
      {"a/b?c", 4, "\"?\" can't stand"},
      {"a/b#c", 4, "\"#\" can't stand"},
      {"a\\b", 2, "can't stand"},
      {"a/b+c", 4, "\"+\" can't stand"},
      {"https://host.example/app", 1, "a reference has no scheme"},
      {"docker://alpine", 1, "a reference has no scheme"},
      {kHex, 1, "64 hex digits are an image's ID"},
      {"host.example/" + std::string(256, 'a'), 269, "longer than 255 bytes"},
      {std::string(255, 'a'), 1, "longer than 255 bytes"},
      {"host.example/" + std::string(100'000, 'a'), 269, "longer than 255 bytes"},
  };
  for (const BadRow& row : rows) {
    const auto reference = Reference::parse(row.text);
    ASSERT_FALSE(reference) << row.text << " = " << reference->to_string();
    expect_refused(row, reference.error());
  }
}

TEST(ReferenceTest, RefusesHostsTagsAndDigests) {
  const BadRow rows[] = {
      {"a:", 3, "the tag is empty"},
      {"a:.b", 3, "a tag can't begin with \".\""},
      {"a:-b", 3, "a tag can't begin with \"-\""},
      {"a:b c", 4, "\" \" can't stand in a tag"},
      {"a:b:c", 4, "\":\" can't stand in a tag"},
      {"host.example/a:b/c", 17, "\"/\" can't stand in a tag"},
      {"host.example/a:../x", 16, "a tag can't begin with"},
      {"a:b\xC3\xA9", 4, "can't stand in a tag"},
      {"a:b\0"s, 4, "can't stand in a tag"},
      {"a:b+c", 4, "can't stand in a tag"},
      {"a:" + std::string(129, 'x'), 131, "longer than 128"},
      {"a:b/c", 3, "\"b\" can't stand in a port"},
      {"host:/a", 6, "the port is empty"},
      {"host:0/a", 6, "a port is a number from 1 to 65535"},
      {"host:65536/a", 6, "a port is a number"},
      {"host:99999999999999999999/a", 6, "a port is a number"},
      {"host:-1/a", 6, "\"-\" can't stand in a port"},
      {"host:80:80/a", 8, "\":\" can't stand in a port"},
      {"host..example/a", 6, "empty label in the host name"},
      {"host.example./a", 14, "empty label"},
      {".example/a", 1, "empty label"},
      {"./a", 1, "empty label"},
      {":5000/a", 1, "the host is empty"},
      {"-host.example/a", 1, "can't begin with \"-\""},
      {"host-.example/a", 5, "can't end with \"-\""},
      {"ho_st.example/a", 3, "\"_\" can't stand in a host name"},
      {"ho st.example/a", 3, "\" \" can't stand in a host name"},
      {"h\xC3\xB6st.example/a", 2, "can't stand in a host name"},
      {"::1/a", 1, "the host is empty"},
      {"[::1/a", 1, "\"[\" without \"]\""},
      {"[]/a", 2, "not an IPv6 address"},
      {"[::1]x/a", 6, "only a port can follow"},
      {"[::1]:/a", 7, "the port is empty"},
      {"[::1%25eth0]/a", 5, "\"%\" can't stand in an IPv6 address"},
      {"[::ffff:1.2.3.4]/a", 10, "\".\" can't stand in an IPv6 address"},
      {"[1:2:3]/a", 2, "not an IPv6 address"},
      {"[:::]/a", 2, "not an IPv6 address"},
      {"[" + std::string(100, ':') + "]/a", 2, "not an IPv6 address"},
      {std::string(300, 'a') + ".example/a", 254, "the host is longer than 253"},
      {"a@", 3, "a digest has the form"},
      {"a@sha256", 3, "a digest has the form"},
      {"a@sha256:", 10, "this one has 0"},
      {"a@sha256:abc", 13, "this one has 3"},
      {"a@sha256:ABC", 10, "upper-case letter in a digest"},
      {"a@sha256:../../x", 10, "a digest has only the hex digits"},
      {"a@md5:d41d8cd98f00b204e9800998ecf8427e", 3, "unknown digest algorithm"},
      {"a@" + kSha256 + "@" + kSha256, 74, "a digest has only the hex digits"},
      {"a@" + kSha256 + ":tag", 74, "a digest has only the hex digits"},
      {"@" + kSha256, 1, "empty component"},
      {"a:@" + kSha256, 3, "the tag is empty"},
  };
  for (const BadRow& row : rows) {
    const auto reference = Reference::parse(row.text);
    ASSERT_FALSE(reference) << row.text << " = " << reference->to_string();
    expect_refused(row, reference.error());
  }
}

TEST(ReferenceTest, ErrorsDoNotRepeatPasswords) {
  for (const std::string_view text : {"user:canary@host.example/app", "https://user:canary@host.example/app"}) {
    const auto reference = Reference::parse(text);
    ASSERT_FALSE(reference);
    EXPECT_EQ(reference.error().message().find("canary"), std::string::npos) << reference.error().message();
  }
}

TEST(ReferenceTest, TagsAndRepositoriesAlone) {
  for (const std::string_view tag : {"latest", "_x", "1", "A.b-c_D", "v1.0.0-rc.1"}) EXPECT_TRUE(is_valid_tag(tag));
  for (const std::string_view tag : {"", ".x", "-x", "../x", "a/b", "a:b", "a b", "a@b", "a\x1b"}) {
    EXPECT_FALSE(is_valid_tag(tag)) << tag;
  }
  EXPECT_FALSE(is_valid_tag(std::string_view("a\0b", 3)));
  EXPECT_TRUE(is_valid_tag(std::string(128, 'a')));
  EXPECT_FALSE(is_valid_tag(std::string(129, 'a')));
  for (const std::string_view name : {"a", "a/b", "a-b/c_d/e.f", "a__b", "a---b", "0"}) {
    EXPECT_TRUE(is_valid_repository(name)) << name;
  }
  for (const std::string_view name : {"", "/", "a/", "/a", "A", "a..b", "a:b", "a@b", "..", "a/../b", "a___b", "a b"}) {
    EXPECT_FALSE(is_valid_repository(name)) << name;
  }
  EXPECT_TRUE(is_valid_repository(std::string(255, 'a')));
  EXPECT_FALSE(is_valid_repository(std::string(256, 'a')));
}

TEST(HostPortTest, Parses) {
  struct Row {
    std::string_view text;
    std::string_view host;
    int port;
    bool ipv6;
  };
  constexpr Row kRows[] = {
      {"host", "host", 0, false},
      {"host:5000", "host", 5000, false},
      {"HOST.Example:00443", "host.example", 443, false},
      {"10.0.0.1:1", "10.0.0.1", 1, false},
      {"[::1]", "::1", 0, true},
      {"[2001:DB8::A]:65535", "2001:db8::a", 65535, true},
  };
  for (const Row& row : kRows) {
    const auto parsed = parse_host_port(row.text);
    ASSERT_TRUE(parsed) << parsed.error().describe();
    EXPECT_EQ(parsed->host, row.host);
    EXPECT_EQ(parsed->port, row.port);
    EXPECT_EQ(parsed->ipv6, row.ipv6);
  }
  for (const std::string_view text : {"", ":80", "host:", "host:x", "host:0", "host:65536", "a/b", "[::1", "::1",
                                      "[::1]80", "[::1]:", "[x]", "host ", "user@host", "host:80 "}) {
    const auto parsed = parse_host_port(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kUsage) << text;
  }
}

TEST(LoopbackTest, ByNameAlone) {
  for (const std::string_view host : {"localhost", "LOCALHOST", "a.localhost", "a.b.LocalHost", "127.0.0.1",
                                      "127.255.255.254", "::1", "[::1]", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const std::string_view host : {"", ".localhost", "localhost.example", "xlocalhost", "localhost.", "128.0.0.1",
                                      "126.255.255.255", "0.0.0.0", "127.0.0.1.example", "127.1", "127.0.0.1:80", "::",
                                      "::2", "[]", "[::1", "::1]", "::ffff:10.0.0.1", "127.0.0.256", "0127.0.0.1"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
  EXPECT_FALSE(is_loopback_host(std::string_view("127.0.0.1\0.example", 18)));
  EXPECT_FALSE(is_loopback_host(std::string(10'000, '1')));
}

}  // namespace
}  // namespace freightliner::oci
