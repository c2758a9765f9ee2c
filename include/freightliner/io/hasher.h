#pragma once

#include <memory>

#include "freightliner/base/bytes.h"
#include "freightliner/oci/digest.h"

namespace freightliner::io {

/// A streaming hash over OpenSSL's EVP interface (SHA-NI where the machine has it). Confined to one thread. Throws
/// std::bad_alloc where OpenSSL has no memory, and std::logic_error where it was used after finish() without reset().
class Hasher {
 public:
  explicit Hasher(oci::DigestAlgorithm algorithm = oci::DigestAlgorithm::kSha256);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  void update(ByteSpan bytes) noexcept;
  /// The digest of all bytes so far; the hasher can be used no further but for reset().
  oci::Digest finish();
  /// The same, and the hasher goes on.
  oci::Digest digest_so_far() const;
  void reset();

 private:
  struct Context;
  oci::DigestAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

/// The digest of a whole text.
oci::Digest digest_of(std::string_view bytes, oci::DigestAlgorithm algorithm = oci::DigestAlgorithm::kSha256);

}  // namespace freightliner::io
