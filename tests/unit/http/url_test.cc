#include "freightliner/http/url.h"

#include <gtest/gtest.h>

namespace freightliner::http {
namespace {

TEST(Url, ParsesOriginsWithDefaultPorts) {
  struct Row {
    const char* text;
    const char* origin;
  };
  for (const Row& row :
       {Row{"https://Example.COM/v2/", "https://example.com:443"}, Row{"http://example.com/", "http://example.com:80"},
        Row{"https://example.com:5000/x?y=1", "https://example.com:5000"},
        Row{"http://[::1]:5000/v2/", "http://[::1]:5000"}}) {
    const auto url = Url::parse(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(url->origin().to_string(), row.origin);
  }
}

TEST(Url, RefusesWhatIsNoPlainHttpUrl) {
  for (const std::string text :
       {"", "example.com", "ftp://example.com/", "file:///etc/passwd", "https://user:secret@example.com/", "https://",
        "https://exa mple.com/", "https://example.com:99999/"}) {
    const auto url = Url::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code(), ErrorCode::kProtocol);
    EXPECT_EQ(url.error().message().find("secret"), std::string::npos);
  }
  EXPECT_FALSE(Url::parse(std::string_view("https://example.com/\0x", 22)));
  EXPECT_FALSE(Url::parse("https://example.com/\r\nX: y"));
}

TEST(Url, ResolvesLocationsAndKeepsTheirQueries) {
  const auto base = Url::parse("https://registry.example:5000/v2/a/blobs/uploads/");
  ASSERT_TRUE(base);
  struct Row {
    const char* location;
    const char* resolved;
  };
  for (const Row& row :
       {Row{"/v2/a/blobs/uploads/u?_state=x%3D", "https://registry.example:5000/v2/a/blobs/uploads/u?_state=x%3D"},
        Row{"u2?s=1", "https://registry.example:5000/v2/a/blobs/uploads/u2?s=1"},
        Row{"https://other.example/u?a=b", "https://other.example/u?a=b"},
        Row{"//other.example/u", "https://other.example/u"}}) {
    const auto url = base->resolve(row.location);
    ASSERT_TRUE(url) << row.location;
    EXPECT_EQ(url->to_string(), row.resolved);
  }
  for (const char* bad : {"", "ftp://x/", "javascript:1", "https://u:p@x/"}) EXPECT_FALSE(base->resolve(bad)) << bad;
}

TEST(Url, AppendsQueryValuesEncoded) {
  const auto plain = Url::parse("https://r.example/u");
  const auto with_state = Url::parse("https://r.example/u?_state=abc");
  ASSERT_TRUE(plain && with_state);
  EXPECT_EQ(plain->with_query("digest", "sha256:ab").to_string(), "https://r.example/u?digest=sha256%3Aab");
  EXPECT_EQ(with_state->with_query("digest", "sha256:ab").to_string(),
            "https://r.example/u?_state=abc&digest=sha256%3Aab");
  EXPECT_EQ(with_state->redacted(), "https://r.example/u?_state=***");
}

TEST(Origin, KnowsLocalAddressesButNoNames) {
  const auto local = [](const char* url) { return Url::parse(url)->origin().is_local_address(); };
  for (const char* url : {"http://127.0.0.2/", "https://[::1]:5000/", "http://169.254.169.254/", "http://0.0.0.0/",
                          "http://2130706433/", "http://[::ffff:127.0.0.1]/"}) {
    EXPECT_TRUE(local(url)) << url;
  }
  for (const char* url : {"http://localhost/", "https://192.0.2.7/", "https://[2001:db8::1]/", "https://10.0.0.1/"}) {
    EXPECT_FALSE(local(url)) << url;
  }
}

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(percent_encode("a/b c+d:e&f=\xff"), "a%2Fb%20c%2Bd%3Ae%26f%3D%FF");
}

}  // namespace
}  // namespace freightliner::http
