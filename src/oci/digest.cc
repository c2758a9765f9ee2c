#include "freightliner/oci/digest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "freightliner/base/text.h"
#include "oci/fault.h"

namespace freightliner::oci {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::optional<DigestAlgorithm> algorithm_named(std::string_view name) noexcept {
  for (const auto algorithm : {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512}) {
    if (name == to_string(algorithm)) return algorithm;
  }
  return std::nullopt;
}

/// The value of a hex digit that digest_fault() has let pass.
unsigned nibble(char digit) noexcept {
  return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

}  // namespace

std::string_view to_string(DigestAlgorithm algorithm) noexcept {
  return algorithm == DigestAlgorithm::kSha256 ? "sha256" : "sha512";
}

std::optional<Fault> digest_fault(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Fault{0, "a digest has the form algorithm:hex, as in sha256:6c3c624b58db…"};
  }
  const auto algorithm = algorithm_named(text.substr(0, colon));
  if (!algorithm) {
    return Fault{0, fmt::format("unknown digest algorithm \"{}\"; sha256 and sha512 are supported",
                                printable(text.substr(0, colon), 32))};
  }
  const std::string_view hex = text.substr(colon + 1);
  const auto wrong = hex.find_first_not_of(kHexDigits);
  if (wrong != std::string_view::npos) {
    const bool upper = hex[wrong] >= 'A' && hex[wrong] <= 'F';
    return Fault{colon + 1 + wrong, upper ? "upper-case letter in a digest; its hex digits are lower case"
                                          : "a digest has only the hex digits 0-9 and a-f after its colon"};
  }
  const std::size_t wanted = 2 * Digest::digest_size(*algorithm);
  if (hex.size() != wanted) {
    return Fault{colon + 1 + std::min(hex.size(), wanted), fmt::format("a {} digest has {} hex digits, this one has {}",
                                                                       to_string(*algorithm), wanted, hex.size())};
  }
  return std::nullopt;
}

Result<Digest> Digest::parse(std::string_view text) {
  if (const auto fault = digest_fault(text)) return fault_error(ErrorCode::kProtocol, text, *fault);
  const auto colon = text.find(':');
  const std::string_view hex = text.substr(colon + 1);
  Digest digest;
  digest.algorithm_ = *algorithm_named(text.substr(0, colon));
  for (std::size_t i = 0; i < hex.size() / 2; ++i) {
    digest.hash_[i] = static_cast<unsigned char>((nibble(hex[2 * i]) << 4U) | nibble(hex[2 * i + 1]));
  }
  return digest;
}

Digest Digest::from_hash(DigestAlgorithm algorithm, const unsigned char* hash) noexcept {
  Digest digest;
  digest.algorithm_ = algorithm;
  std::memcpy(digest.hash_.data(), hash, digest_size(algorithm));
  return digest;
}

std::string Digest::hex() const {
  std::string text;
  const std::size_t size = digest_size(algorithm_);
  text.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    text += kHexDigits[hash_[i] >> 4U];
    text += kHexDigits[hash_[i] & 0x0FU];
  }
  return text;
}

std::string Digest::to_string() const {
  std::string text(oci::to_string(algorithm_));
  text += ':';
  return text + hex();
}

std::string Digest::short_hex() const {
  return hex().substr(0, 12);
}

std::size_t Digest::hash_value() const noexcept {
  // All bytes, mixed: a digest in a manifest is whatever a remote wrote there, so taking the first bytes as they stand
  // would let it fill one bucket of a hash table.
  const auto* bytes = reinterpret_cast<const char*>(hash_.data());
  return std::hash<std::string_view>()({bytes, digest_size(algorithm_)});
}

}  // namespace freightliner::oci
