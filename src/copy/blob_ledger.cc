#include "freightliner/copy/blob_ledger.h"

#include <algorithm>
#include <utility>

namespace freightliner::copy {
namespace {

bool contains(const std::vector<std::uint32_t>& places, std::uint32_t place) {
  return std::ranges::find(places, place) != places.end();
}

}  // namespace

Result<BlobLedger::Claim> BlobLedger::claim_blob(const std::string& place, const oci::Digest& digest,
                                                 const std::stop_token& stop) {
  return claim(blobs_, place, digest, stop);
}

Result<BlobLedger::Claim> BlobLedger::claim_closure(const std::string& place, const oci::Digest& digest,
                                                    const std::stop_token& stop) {
  return claim(closures_, place, digest, stop);
}

void BlobLedger::note_blob(const std::string& place, const oci::Digest& digest) {
  {
    const std::lock_guard lock(mutex_);
    const std::uint32_t number = number_of(place);
    std::vector<std::uint32_t>& places = blobs_.entries[digest].places;
    if (!contains(places, number)) places.push_back(number);
  }
  changed_.notify_all();
}

std::uint32_t BlobLedger::number_of(const std::string& place) {
  const auto [it, inserted] = numbers_.try_emplace(place, static_cast<std::uint32_t>(names_.size()));
  if (inserted) names_.push_back(place);
  return it->second;
}

Result<BlobLedger::Claim> BlobLedger::claim(Book& book, const std::string& place, const oci::Digest& digest,
                                            const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const std::uint32_t number = number_of(place);
  Entry& entry = book.entries[digest];  // references into the map stay valid
  const auto must_wait = [&] {
    if (contains(entry.places, number)) return false;
    if (contains(entry.in_flight, number)) return true;
    // Where nobody has it yet, one brings it; where somebody has, each place mounts it from there.
    return book.scope == Scope::kRegistry && entry.places.empty() && !entry.in_flight.empty();
  };
  if (!changed_.wait(lock, stop, [&] { return !must_wait(); })) return fail(ErrorCode::kCancelled, "stopped");
  if (contains(entry.places, number)) return Claim(*this, book, number, digest, {.settled = true});
  entry.in_flight.push_back(number);
  Finding finding;
  if (!entry.places.empty()) finding.elsewhere = names_[entry.places.front()];
  return Claim(*this, book, number, digest, std::move(finding));
}

void BlobLedger::release(Book& book, std::uint32_t place, const oci::Digest& digest, bool settled) noexcept {
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = book.entries[digest];
    std::erase(entry.in_flight, place);
    if (settled) entry.places.push_back(place);
  }
  changed_.notify_all();
}

BlobLedger::Claim::Claim(Claim&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      book_(other.book_),
      place_(other.place_),
      digest_(other.digest_),
      finding_(std::move(other.finding_)) {}

BlobLedger::Claim::~Claim() {
  release(false);
}

void BlobLedger::Claim::settle() noexcept {
  release(true);
}

void BlobLedger::Claim::release(bool settled) noexcept {
  if (ledger_ == nullptr || finding_.settled) return;
  std::exchange(ledger_, nullptr)->release(*book_, place_, digest_, settled);
}

}  // namespace freightliner::copy
