#include "freightliner/oci/digest.h"

#include <gtest/gtest.h>

#include <set>
#include <unordered_set>

namespace freightliner::oci {
namespace {

using std::string_view_literals::operator""sv;

const std::string kHex64 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kHex128 = kHex64 + "00112233445566778899aabbccddeeff" + "0123456789abcdef0123456789abcdef";

TEST(DigestTest, ParsesRegisteredAlgorithms) {
  const auto sha256 = Digest::parse("sha256:" + kHex64);
  ASSERT_TRUE(sha256) << sha256.error().describe();
  EXPECT_EQ(sha256->algorithm(), DigestAlgorithm::kSha256);
  EXPECT_EQ(sha256->hex(), kHex64);
  EXPECT_EQ(sha256->to_string(), "sha256:" + kHex64);
  EXPECT_EQ(sha256->short_hex(), "e3b0c44298fc");
  const auto sha512 = Digest::parse("sha512:" + kHex128);
  ASSERT_TRUE(sha512) << sha512.error().describe();
  EXPECT_EQ(sha512->algorithm(), DigestAlgorithm::kSha512);
  EXPECT_EQ(sha512->to_string(), "sha512:" + kHex128);
}

// CVE-2024-3727 and its kin: a digest that was not checked became a path.
TEST(DigestTest, RefusesEverythingElse) {
  struct Row {
    std::string text;
    std::string_view reason;
  };
  const Row rows[] = {
      {"", "position 1: a digest has the form"},
      {"sha256", "position 1: a digest has the form"},
      {kHex64, "position 1: a digest has the form"},
      {"sha256:", "position 8: a sha256 digest has 64 hex digits, this one has 0"},
      {":" + kHex64, "unknown digest algorithm \"\""},
      {"sha256:../../etc/passwd", "position 8: a digest has only the hex digits"},
      {"sha256:" + kHex64.substr(0, 62) + "..", "position 70: a digest has only the hex digits"},
      {"sha256:" + kHex64.substr(0, 61) + "/..", "position 69: "},
      {"sha256:" + kHex64.substr(1), "this one has 63"},
      {"sha256:" + kHex64 + "0", "position 72: a sha256 digest has 64 hex digits, this one has 65"},
      {"sha256:" + kHex128, "this one has 128"},
      {"sha512:" + kHex64, "a sha512 digest has 128 hex digits, this one has 64"},
      {"sha256:E" + kHex64.substr(1), "position 8: upper-case letter"},
      {"sha256:g" + kHex64.substr(1), "position 8: a digest has only"},
      {"SHA256:" + kHex64, "unknown digest algorithm \"SHA256\""},
      {"sha384:" + kHex64, "sha256 and sha512 are supported"},
      {"md5:d41d8cd98f00b204e9800998ecf8427e", "unknown digest algorithm \"md5\""},
      {"../sha256:" + kHex64, "unknown digest algorithm"},
      {"sha256-" + kHex64, "position 1: a digest has the form"},
      {"sha256::" + kHex64.substr(1), "position 8: "},
      {" sha256:" + kHex64, "unknown digest algorithm"},
      {"sha256: " + kHex64.substr(1), "position 8: "},
      {"sha256:" + kHex64 + " ", "position 72: "},
      {"sha256:" + kHex64 + "\n", "position 72: "},
      {"sha256:" + kHex64 + std::string(1, '\0'), "position 72: "},
      {"sha256:" + kHex64.substr(0, 63) + std::string(1, '\0'), "position 71: "},
      {"sha256:\xC3\xA9" + kHex64.substr(2), "position 8: "},
      {"sha256:" + std::string(100'000, 'a'), "this one has 100000"},
      {"\x1b[31m:" + kHex64, "unknown digest algorithm \"\\x1b[31m\""},
  };
  for (const Row& row : rows) {
    const auto digest = Digest::parse(row.text);
    ASSERT_FALSE(digest) << row.text;
    EXPECT_EQ(digest.error().code(), ErrorCode::kProtocol);
    EXPECT_NE(digest.error().message().find(row.reason), std::string::npos) << digest.error().message();
    EXPECT_EQ(digest.error().message().find_first_of("\n\x1b\0"sv), std::string::npos);
    EXPECT_LT(digest.error().message().size(), 800U);
  }
}

TEST(DigestTest, FromHashIsTheSameValue) {
  unsigned char hash[64];
  for (unsigned i = 0; i < sizeof hash; ++i) hash[i] = static_cast<unsigned char>(i * 4 + 3);
  const Digest short_one = Digest::from_hash(DigestAlgorithm::kSha256, hash);
  const Digest long_one = Digest::from_hash(DigestAlgorithm::kSha512, hash);
  EXPECT_EQ(short_one.hex().size(), 64U);
  EXPECT_EQ(short_one.hex().substr(0, 8), "03070b0f");
  EXPECT_EQ(*Digest::parse(short_one.to_string()), short_one);
  EXPECT_EQ(*Digest::parse(long_one.to_string()), long_one);
  EXPECT_NE(short_one, long_one);
}

TEST(DigestTest, ComparesAndHashes) {
  const Digest a = *Digest::parse("sha256:" + kHex64);
  const Digest b = *Digest::parse("sha256:0" + kHex64.substr(1));
  EXPECT_LT(b, a);
  EXPECT_EQ((std::set<Digest>{a, b, a}).size(), 2U);
  EXPECT_EQ((std::unordered_set<Digest>{a, b, a}).size(), 2U);
  EXPECT_EQ(a.hash_value(), Digest(a).hash_value());
  // Digests that differ only at their end must not share a bucket.
  const Digest c = *Digest::parse("sha256:" + kHex64.substr(0, 63) + "6");
  EXPECT_NE(a.hash_value(), c.hash_value());
}

}  // namespace
}  // namespace freightliner::oci
