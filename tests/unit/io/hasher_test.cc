#include "freightliner/io/hasher.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace freightliner::io {
namespace {

using oci::DigestAlgorithm;

struct Case {
  std::string_view text;
  DigestAlgorithm algorithm;
  std::string_view digest;
};

// FIPS 180-4's examples and the empty message.
constexpr Case kCases[] = {
    {"", DigestAlgorithm::kSha256, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", DigestAlgorithm::kSha256, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", DigestAlgorithm::kSha256,
     "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abc", DigestAlgorithm::kSha512,
     "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

TEST(Hasher, GivesTheStandardsDigests) {
  for (const Case& c : kCases) {
    EXPECT_EQ(digest_of(c.text, c.algorithm).to_string(), c.digest);
    Hasher hasher(c.algorithm);
    for (const char& byte : c.text) hasher.update(as_bytes(std::string_view(&byte, 1)));
    hasher.update({});
    EXPECT_EQ(hasher.finish().to_string(), c.digest) << "byte by byte";
  }
}

TEST(Hasher, StartsAnewAfterReset) {
  Hasher hasher;
  hasher.update(as_bytes("something else"));
  hasher.reset();
  hasher.update(as_bytes("abc"));
  EXPECT_EQ(hasher.finish(), digest_of("abc"));
  hasher.reset();
  EXPECT_EQ(hasher.finish(), digest_of(""));
}

TEST(Hasher, IsUsedUpByFinish) {
  Hasher hasher;
  static_cast<void>(hasher.finish());
  EXPECT_THROW(static_cast<void>(hasher.finish()), std::logic_error);
}

TEST(Hasher, MovesWithItsState) {
  Hasher first;
  first.update(as_bytes("ab"));
  Hasher second(std::move(first));
  second.update(as_bytes("c"));
  Hasher third(DigestAlgorithm::kSha512);
  third = std::move(second);
  EXPECT_EQ(third.finish(), digest_of("abc"));
}

TEST(Hasher, TellsTheDigestSoFarAndGoesOn) {
  Hasher hasher(DigestAlgorithm::kSha512);
  EXPECT_EQ(hasher.digest_so_far(), digest_of("", DigestAlgorithm::kSha512));
  hasher.update(as_bytes("ab"));
  EXPECT_EQ(hasher.digest_so_far(), digest_of("ab", DigestAlgorithm::kSha512));
  hasher.update(as_bytes("c"));
  EXPECT_EQ(hasher.finish(), digest_of("abc", DigestAlgorithm::kSha512));
  EXPECT_THROW(static_cast<void>(hasher.digest_so_far()), std::logic_error);
}

}  // namespace
}  // namespace freightliner::io
