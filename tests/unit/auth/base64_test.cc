#include "auth/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace freightliner::auth {
namespace {

struct Pair {
  std::string bytes;
  std::string text;
};

TEST(Base64, EncodesAndDecodesTheVectorsOfRfc4648) {
  const Pair pairs[] = {{"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"}};
  for (const Pair& pair : pairs) {
    EXPECT_EQ(base64_encode(pair.bytes), pair.text);
    EXPECT_EQ(base64_decode(pair.text), pair.bytes) << pair.text;
  }
}

TEST(Base64, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
}

TEST(Base64, AcceptsMissingPadding) {
  EXPECT_EQ(base64_decode("Zg"), "f");
  EXPECT_EQ(base64_decode("Zm8"), "fo");
}

TEST(Base64, RefusesEverythingElse) {
  // The last two have bits set that no encoder sets.
  for (const char* text :
       {"Z", "Zg=", "Zg===", "=", "====", "Z=g=", "Zm 9v", "Zm9v\n", "Zm9-", "Zm9_", "Zm9v====", "Zh==", "Zm9"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

}  // namespace
}  // namespace freightliner::auth
