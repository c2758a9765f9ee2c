#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "freightliner/base/result.h"
#include "freightliner/oci/digest.h"

namespace freightliner::copy {

/// What a run knows to be at its destination, and who is bringing what: each blob is moved to a registry by one thread
/// once, the others wait for it and mount it, or have nothing to do in the same repository (single flight). The same
/// for whole closures, by the digest of their root. One ledger per destination registry and run. Safe from any thread:
/// whoever holds a claim on a blob waits for no other claim, and whoever holds one on a closure waits for blobs and
/// lists of referrers (ReferrerLists) only, so that nobody waits in a circle.
class BlobLedger {
 public:
  class Claim;
  /// What a claim found.
  struct Finding {
    /// The place has it: nothing is to be done.
    bool settled = false;
    /// Another place of the registry has it.
    std::optional<std::string> elsewhere = {};
  };

  /// Waits while another thread brings the blob to this place, or to the first place of all. Errors: kCancelled.
  Result<Claim> claim_blob(const std::string& place, const oci::Digest& digest, const std::stop_token& stop);
  /// The place has the blob now, by whatever way it came there. Waits for nobody.
  void note_blob(const std::string& place, const oci::Digest& digest);
  /// Waits while another thread brings the closure to this place. Errors: kCancelled.
  Result<Claim> claim_closure(const std::string& place, const oci::Digest& digest, const std::stop_token& stop);

 private:
  enum class Scope { kRegistry, kPlace };
  struct Entry {
    std::vector<std::uint32_t> places;     // that have it
    std::vector<std::uint32_t> in_flight;  // that are getting it
  };
  struct Book {
    Scope scope;
    std::unordered_map<oci::Digest, Entry> entries = {};
  };

  Result<Claim> claim(Book& book, const std::string& place, const oci::Digest& digest, const std::stop_token& stop);
  std::uint32_t number_of(const std::string& place);
  void release(Book& book, std::uint32_t place, const oci::Digest& digest, bool settled) noexcept;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> names_;
  Book blobs_{Scope::kRegistry};
  Book closures_{Scope::kPlace};
};

/// The right and duty to bring something, unless it is settled. Given up on destruction: then the next who waits gets
/// it. Move-only; the ledger outlives it.
class BlobLedger::Claim {
 public:
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&&) = delete;
  ~Claim();

  const Finding& finding() const noexcept { return finding_; }
  /// It is there now.
  void settle() noexcept;

 private:
  friend class BlobLedger;
  Claim(BlobLedger& ledger, Book& book, std::uint32_t place, const oci::Digest& digest, Finding finding)
      : ledger_(&ledger), book_(&book), place_(place), digest_(digest), finding_(std::move(finding)) {}
  void release(bool settled) noexcept;

  BlobLedger* ledger_;
  Book* book_;
  std::uint32_t place_;
  oci::Digest digest_;
  Finding finding_;
};

}  // namespace freightliner::copy
