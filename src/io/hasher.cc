#include "freightliner/io/hasher.h"

#include <openssl/evp.h>

#include <array>
#include <new>
#include <stdexcept>
#include <utility>

namespace freightliner::io {
namespace {

const EVP_MD* evp_md(oci::DigestAlgorithm algorithm) noexcept {
  return algorithm == oci::DigestAlgorithm::kSha256 ? EVP_sha256() : EVP_sha512();
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

}  // namespace

struct Hasher::Context {
  const EVP_MD* md;
  std::unique_ptr<EVP_MD_CTX, FreeContext> evp;
  bool usable;  // false after finish()
};

Hasher::Hasher(oci::DigestAlgorithm algorithm)
    : algorithm_(algorithm), context_(new Context{evp_md(algorithm), {}, false}) {
  context_->evp.reset(EVP_MD_CTX_new());
  if (!context_->evp) throw std::bad_alloc();
  reset();
}

Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(ByteSpan bytes) noexcept {
  if (bytes.empty()) return;
  // finish() tells of a failure.
  if (EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) != 1) context_->usable = false;
}

oci::Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  if (!std::exchange(context_->usable, false) || EVP_DigestFinal_ex(context_->evp.get(), hash.data(), nullptr) != 1) {
    throw std::logic_error("hasher used after finish()");
  }
  return oci::Digest::from_hash(algorithm_, hash.data());
}

oci::Digest Hasher::digest_so_far() const {
  Hasher copy(algorithm_);
  if (EVP_MD_CTX_copy_ex(copy.context_->evp.get(), context_->evp.get()) != 1) throw std::bad_alloc();
  copy.context_->usable = context_->usable;
  return copy.finish();
}

void Hasher::reset() {
  if (EVP_DigestInit_ex(context_->evp.get(), context_->md, nullptr) != 1) throw std::bad_alloc();
  context_->usable = true;
}

oci::Digest digest_of(std::string_view bytes, oci::DigestAlgorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(as_bytes(bytes));
  return hasher.finish();
}

}  // namespace freightliner::io
