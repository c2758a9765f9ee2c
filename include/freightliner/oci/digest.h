#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "freightliner/base/result.h"

namespace freightliner::oci {

enum class DigestAlgorithm : std::uint8_t { kSha256, kSha512 };

std::string_view to_string(DigestAlgorithm algorithm) noexcept;

/// A content digest, `algorithm ":" lower-case hex`, of a registered algorithm (OCI image-spec v1.1, descriptor.md,
/// "Digests"). A value type: 65 bytes, comparable, hashable. There is no invalid Digest: a text becomes one only by
/// parse(), so a digest is safe to put into a path or a URL.
class Digest {
 public:
  /// Strict: the exact grammar, registered algorithms, exact length, lower case. Errors: kProtocol.
  static Result<Digest> parse(std::string_view text);
  /// From the raw hash; `hash` has digest_size(algorithm) bytes.
  static Digest from_hash(DigestAlgorithm algorithm, const unsigned char* hash) noexcept;

  DigestAlgorithm algorithm() const noexcept { return algorithm_; }
  std::string hex() const;
  /// "sha256:…"
  std::string to_string() const;
  /// The first 12 hex digits, for people.
  std::string short_hex() const;

  std::size_t hash_value() const noexcept;
  auto operator<=>(const Digest&) const noexcept = default;

  static constexpr std::size_t digest_size(DigestAlgorithm algorithm) noexcept {
    return algorithm == DigestAlgorithm::kSha256 ? 32 : 64;
  }

 private:
  Digest() = default;
  DigestAlgorithm algorithm_ = DigestAlgorithm::kSha256;
  std::array<unsigned char, 64> hash_{};
};

}  // namespace freightliner::oci

template <>
struct std::hash<freightliner::oci::Digest> {
  std::size_t operator()(const freightliner::oci::Digest& digest) const noexcept { return digest.hash_value(); }
};
